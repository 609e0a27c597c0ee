//! Faults of an OPC UA server that are set before it starts: an expired certificate, small limits, subscriptions that nobody may
//! take over.
//!
//! None of it is of use to a real server.

use std::{
    path::Path,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
};

use opcua::{
    crypto::{CertificateStore, X509, X509Data},
    server::{
        Limits, ServerEndpoint, ServerUserToken,
        authenticator::{AuthManager, DefaultAuthenticator, Password, UserToken},
    },
    types::{Error, UserTokenPolicy},
};

use super::{OWN_KEY, sim::APPLICATION_URI};

/// The expired certificate within a simulator's PKI folder.
pub(super) const EXPIRED_CERTIFICATE: &str = "own/expired.der";

/// Makes a certificate that was valid for no longer than a moment, with the simulator's own key.
pub(super) fn make_expired(own: &Path) -> Result<(), String> {
    let path = own.join(EXPIRED_CERTIFICATE);
    let key = CertificateStore::read_pkey(&own.join(OWN_KEY))?;
    let data = X509Data {
        key_size: 2048,
        common_name: "Simulated bioreactor".to_owned(),
        organization: "Simulated bioreactor".to_owned(),
        organizational_unit: "expired".to_owned(),
        country: "JP".to_owned(),
        state: "-".to_owned(),
        alt_host_names: X509Data::alt_host_names(APPLICATION_URI, None, true, false, true),
        certificate_duration_days: 0,
    };
    let der = X509::from_pkey(&key, &data)?.to_der().map_err(|error| error.to_string())?;
    std::fs::write(&path, der).map_err(|error| format!("{}: {error}", path.display()))
}

/// Refuses calls with more than `max` operations of the usual services.
pub(super) fn limit_operations(limits: &mut Limits, max: usize) {
    let limits = &mut limits.operational;
    limits.max_nodes_per_read = max;
    limits.max_nodes_per_write = max;
    limits.max_nodes_per_browse = max;
    limits.max_nodes_per_method_call = max;
    limits.max_nodes_per_translate_browse_paths_to_node_ids = max;
    limits.max_monitored_items_per_call = max;
}

/// Lets the one user in, and takes him for somebody else each time: what one session has subscribed to, no other may take over.
pub(super) struct StrangerEachTime {
    inner: DefaultAuthenticator,
    seen: AtomicU64,
}

impl StrangerEachTime {
    pub(super) fn new(user: String, token: ServerUserToken) -> Self {
        Self { inner: DefaultAuthenticator::new([(user, token)].into()), seen: AtomicU64::new(0) }
    }
}

impl AuthManager for StrangerEachTime {
    // Written out, because the trait wants a boxed future.
    fn authenticate_username_identity_token<'this, 'endpoint, 'user, 'password, 'future>(
        &'this self,
        endpoint: &'endpoint ServerEndpoint,
        username: &'user str,
        password: &'password Password,
    ) -> Pin<Box<dyn Future<Output = Result<UserToken, Error>> + Send + 'future>>
    where
        'this: 'future,
        'endpoint: 'future,
        'user: 'future,
        'password: 'future,
        Self: 'future,
    {
        Box::pin(async move {
            let UserToken(name) = self.inner.authenticate_username_identity_token(endpoint, username, password).await?;
            Ok(UserToken(format!("{name}-{}", self.seen.fetch_add(1, Ordering::Relaxed))))
        })
    }

    fn user_token_policies(&self, endpoint: &ServerEndpoint) -> Vec<UserTokenPolicy> {
        self.inner.user_token_policies(endpoint)
    }
}
