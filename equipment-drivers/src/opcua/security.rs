//! How a connection is secured and who logs in: the choice among what a device offers, and what is refused.
//!
//! Signed and encrypted with one of three policies, or not at all; anything weaker needs a reason on record. Whether
//! the certificate is trusted is asked elsewhere.

use std::{fmt, path::PathBuf};

use opcua::{
    client::IdentityToken,
    crypto::SecurityPolicy,
    types::{EndpointDescription, MessageSecurityMode, UserTokenType},
};

use crate::driver::{LinkError, Secret};

/// A security policy of OPC UA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// No security at all; by recorded exception only.
    None,
    /// Deprecated; by recorded exception only.
    Basic128Rsa15,
    /// Deprecated; by recorded exception only.
    Basic256,
    /// RSA 2048 or more, AES 256, SHA-256.
    Basic256Sha256,
    /// RSA OAEP, AES 128, SHA-256.
    Aes128Sha256RsaOaep,
    /// RSA PSS, AES 256, SHA-256.
    Aes256Sha256RsaPss,
}

impl Policy {
    /// The policies that need no exception, the best first.
    pub const ACCEPTED: [Self; 3] = [Self::Aes256Sha256RsaPss, Self::Aes128Sha256RsaOaep, Self::Basic256Sha256];

    fn uri(self) -> &'static str {
        match self {
            Self::None => SecurityPolicy::None,
            Self::Basic128Rsa15 => SecurityPolicy::Basic128Rsa15,
            Self::Basic256 => SecurityPolicy::Basic256,
            Self::Basic256Sha256 => SecurityPolicy::Basic256Sha256,
            Self::Aes128Sha256RsaOaep => SecurityPolicy::Aes128Sha256RsaOaep,
            Self::Aes256Sha256RsaPss => SecurityPolicy::Aes256Sha256RsaPss,
        }
        .to_uri()
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.uri().rsplit('#').next().unwrap_or_default())
    }
}

/// What is done with messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing; by recorded exception only.
    None,
    /// They are signed, and readable on the wire; by recorded exception only.
    Sign,
    /// They are signed and encrypted.
    SignAndEncrypt,
}

impl Mode {
    fn of(self) -> MessageSecurityMode {
        match self {
            Self::None => MessageSecurityMode::None,
            Self::Sign => MessageSecurityMode::Sign,
            Self::SignAndEncrypt => MessageSecurityMode::SignAndEncrypt,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "not signed, not encrypted",
            Self::Sign => "signed, not encrypted",
            Self::SignAndEncrypt => "signed and encrypted",
        })
    }
}

/// How the connection to a device has to be secured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Security {
    /// Signed and encrypted, with the best policy that the device offers.
    #[default]
    Best,
    /// Signed and encrypted, with this policy and no other.
    Only(Policy),
    /// Something weaker, because somebody has put down why.
    Exception {
        /// With this policy and no other.
        policy: Policy,
        /// In this mode and no other.
        mode: Mode,
        /// Why; it is repeated in each report of the link.
        reason: String,
    },
}

impl Security {
    /// What is wrong with the configuration itself.
    pub(crate) fn objection(&self) -> Option<String> {
        match self {
            Self::Only(policy) if !Policy::ACCEPTED.contains(policy) => {
                Some(format!("security policy {policy} needs an exception with a reason on record"))
            }
            Self::Exception { reason, .. } if reason.trim().is_empty() => {
                Some("an exception to the security of the connection needs a reason".to_owned())
            }
            _ => None,
        }
    }

    fn choices(&self) -> Vec<(Policy, Mode)> {
        match self {
            Self::Best => Policy::ACCEPTED.iter().map(|policy| (*policy, Mode::SignAndEncrypt)).collect(),
            Self::Only(policy) => vec![(*policy, Mode::SignAndEncrypt)],
            Self::Exception { policy, mode, .. } => vec![(*policy, *mode)],
        }
    }
}

/// Who logs in at a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Login {
    /// Nobody.
    #[default]
    Anonymous,
    /// A user with a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        secret: Secret,
    },
    /// A user with a certificate and its private key.
    Certificate {
        /// File with the certificate (DER or PEM).
        certificate: PathBuf,
        /// File with the private key (PEM, not encrypted).
        key: PathBuf,
    },
}

impl Login {
    fn kind(&self) -> UserTokenType {
        match self {
            Self::Anonymous => UserTokenType::Anonymous,
            Self::Password { .. } => UserTokenType::UserName,
            Self::Certificate { .. } => UserTokenType::Certificate,
        }
    }

    /// What the session is activated with.
    pub(crate) fn token(&self) -> Result<IdentityToken, LinkError> {
        match self {
            Self::Anonymous => Ok(IdentityToken::new_anonymous()),
            Self::Password { user, secret } => Ok(IdentityToken::new_user_name(user.clone(), secret.reveal())),
            Self::Certificate { certificate, key } => IdentityToken::new_x509_path(certificate, key).map_err(|_| {
                let (certificate, key) = (certificate.display(), key.display());
                let reason = format!("the user certificate {certificate} or its key {key} cannot be read");
                LinkError::NeedsPerson { reason }
            }),
        }
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("nobody (anonymous)"),
            Self::Password { user, .. } => write!(f, "user \"{user}\""),
            Self::Certificate { certificate, .. } => write!(f, "the user certificate {}", certificate.display()),
        }
    }
}

/// An endpoint that may be used, and the words for it.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) endpoint: EndpointDescription,
    pub(crate) policy: Policy,
    pub(crate) described: String,
}

/// The best endpoint that the configuration allows and the login fits.
pub(crate) fn choose(offered: &[EndpointDescription], security: &Security, login: &Login) -> Result<Chosen, LinkError> {
    let person = |reason: String| Err(LinkError::NeedsPerson { reason });
    if let Some(reason) = security.objection() {
        return person(reason);
    }
    let fits = |one: &EndpointDescription, (policy, mode): (Policy, Mode)| {
        one.security_policy_uri.as_ref() == policy.uri() && one.security_mode == mode.of()
    };
    let secured: Vec<_> = security
        .choices()
        .into_iter()
        .filter_map(|choice| Some((choice, offered.iter().find(|one| fits(one, choice))?)))
        .collect();
    if secured.is_empty() {
        return person(format!(
            "the device offers no endpoint that is {}; it offers {}; change it at the device",
            wanted(security),
            listed(offered)
        ));
    }
    let kind = login.kind();
    let takes = |one: &EndpointDescription| match &one.user_identity_tokens {
        Some(tokens) => tokens.iter().any(|token| token.token_type == kind),
        None => kind == UserTokenType::Anonymous,
    };
    let Some(((policy, mode), endpoint)) = secured.into_iter().find(|(_, one)| takes(one)) else {
        return person(format!("the device does not let in {login}: it offers no such login; correct the credentials"));
    };
    let described = match security {
        Security::Exception { reason, .. } => format!("{policy}, {mode}, by exception: {reason}"),
        _ => format!("{policy}, {mode}"),
    };
    Ok(Chosen { endpoint: endpoint.clone(), policy, described })
}

fn wanted(security: &Security) -> String {
    match security {
        Security::Best => {
            let names: Vec<_> = Policy::ACCEPTED.iter().map(Policy::to_string).collect();
            format!("signed and encrypted with {}", names.join(" or "))
        }
        Security::Only(policy) => format!("signed and encrypted with {policy}"),
        Security::Exception { policy, mode, .. } => format!("{policy}, {mode}"),
    }
}

fn listed(offered: &[EndpointDescription]) -> String {
    let mut all: Vec<_> = offered
        .iter()
        .map(|one| {
            let policy = one.security_policy_uri.as_ref().rsplit('#').next().unwrap_or_default().to_owned();
            format!("{policy}/{:?}", one.security_mode)
        })
        .collect();
    all.sort();
    all.dedup();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use opcua::types::UserTokenPolicy;

    use super::*;

    fn offer(policy: Policy, mode: Mode, tokens: &[UserTokenType]) -> EndpointDescription {
        let policies = tokens.iter().map(|kind| UserTokenPolicy { token_type: *kind, ..UserTokenPolicy::default() });
        EndpointDescription {
            security_policy_uri: policy.uri().into(),
            security_mode: mode.of(),
            user_identity_tokens: Some(policies.collect()),
            ..EndpointDescription::default()
        }
    }

    fn all(mode: Mode) -> Vec<EndpointDescription> {
        [Policy::None, Policy::Basic128Rsa15, Policy::Basic256, Policy::Basic256Sha256, Policy::Aes256Sha256RsaPss]
            .map(|policy| offer(policy, mode, &[UserTokenType::Anonymous]))
            .to_vec()
    }

    #[test]
    fn the_best_policy_is_taken_or_the_one_named() {
        let offered = all(Mode::SignAndEncrypt);
        let chosen = |security| choose(&offered, &security, &Login::Anonymous).map(|one| one.policy);
        assert_eq!(chosen(Security::Best), Ok(Policy::Aes256Sha256RsaPss));
        assert_eq!(chosen(Security::Only(Policy::Basic256Sha256)), Ok(Policy::Basic256Sha256));
        assert!(chosen(Security::Only(Policy::Aes128Sha256RsaOaep)).is_err());
    }

    #[test]
    fn what_is_weaker_is_refused_unless_a_reason_is_on_record_and_then_the_report_says_so() {
        let weak = [
            offer(Policy::None, Mode::None, &[UserTokenType::Anonymous]),
            offer(Policy::Basic256Sha256, Mode::Sign, &[UserTokenType::Anonymous]),
            offer(Policy::Basic256, Mode::SignAndEncrypt, &[UserTokenType::Anonymous]),
        ];
        let error = choose(&weak, &Security::Best, &Login::Anonymous).unwrap_err().to_string();
        assert!(error.contains("Basic256Sha256/Sign,") && error.contains("change it at the device"), "{error}");
        for policy in [Policy::None, Policy::Basic128Rsa15, Policy::Basic256] {
            let error = choose(&weak, &Security::Only(policy), &Login::Anonymous).unwrap_err().to_string();
            assert!(error.contains("needs an exception"), "{error}");
        }
        let exception =
            |reason: &str| Security::Exception { policy: Policy::None, mode: Mode::None, reason: reason.to_owned() };
        assert!(choose(&weak, &exception(" "), &Login::Anonymous).is_err());
        let chosen = choose(&weak, &exception("PLC of 2009, own VLAN, CC-12"), &Login::Anonymous).unwrap();
        assert_eq!(chosen.described, "None, not signed, not encrypted, by exception: PLC of 2009, own VLAN, CC-12");
    }

    #[test]
    fn an_endpoint_is_taken_only_where_the_login_fits() {
        let user = Login::Password { user: "mes".to_owned(), secret: Secret::new("guess") };
        let offered = [
            offer(Policy::Aes256Sha256RsaPss, Mode::SignAndEncrypt, &[UserTokenType::Anonymous]),
            offer(Policy::Basic256Sha256, Mode::SignAndEncrypt, &[UserTokenType::UserName]),
        ];
        assert_eq!(choose(&offered, &Security::Best, &user).unwrap().policy, Policy::Basic256Sha256);
        let error = choose(&offered[..1], &Security::Best, &user).unwrap_err().to_string();
        assert!(error.contains("user \"mes\"") && !error.contains("guess"), "{error}");
    }
}
