//! What a template says of OPC UA: the address space of a type of device and the nodes of its tags.
//!
//! It is data, read and checked. Which index a namespace has on a server is asked anew on each connection.

use std::str::FromStr;

use mes_core::historian::SampleValue;
use opcua::types::{Identifier, NodeId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::Scalar;
use crate::template::Access;

/// The OPC UA address space of a type of device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpcUaSpace {
    /// Namespace URI of the nodes that name none; `{device}` stands for the name of the device.
    pub namespace: String,
    /// Publishing interval of the subscription, in milliseconds.
    pub publishing_ms: u32,
    /// How often the device is asked to sample a tag, in milliseconds; the publishing interval unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_ms: Option<u32>,
    /// The object whose events are reported, e.g. `nsu=http://opcfoundation.org/UA/;i=2253`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<String>,
}

/// A node of an OPC UA address space.
///
/// A node is written `nsu=URI;s=TEXT`, with `i=` (number), `g=` (GUID) or `b=` (base 64) for the other kinds of
/// identifier. Without `nsu=` the template's namespace is meant, and a text alone is a string identifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpcUaPoint {
    /// The node; `{device}` stands for the name of the device. Of a tag of access `call`, the method.
    pub node: String,
    /// Sampling interval of this tag, in milliseconds; that of the address space unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_ms: Option<u32>,
    /// Smallest change that the device reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadband: Option<Deadband>,
    /// Of a tag of access `call`: the object whose method it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Of a tag of access `call`: what the method is given, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Argument>,
}

/// The smallest change that a device reports, kept by the device itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deadband {
    /// In the unit of the tag.
    Absolute(f64),
    /// In percent of the node's EURange.
    Percent(f64),
}

/// One argument of a method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// Its type.
    #[serde(rename = "type")]
    pub scalar: Scalar,
    /// A fixed value; the one argument without it is given what is written to the tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Fixed>,
}

/// A fixed argument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Fixed {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
}

impl From<&Fixed> for SampleValue {
    fn from(fixed: &Fixed) -> Self {
        match fixed {
            Fixed::Flag(flag) => Self::Flag(*flag),
            Fixed::Integer(number) => Self::Integer(*number),
            Fixed::Real(number) => Self::Real(*number),
            Fixed::Text(text) => Self::Text(text.clone()),
        }
    }
}

impl OpcUaSpace {
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.publishing_ms == 0 || self.sampling_ms == Some(0) {
            return Err("publishing_ms and sampling_ms must be above 0");
        }
        match &self.events {
            Some(node) if Address::parse(node).is_none() => Err("events is no node: nsu=URI;i=NUMBER"),
            _ => Ok(()),
        }
    }
}

impl OpcUaPoint {
    pub(crate) fn check(&self, access: Access) -> Result<(), &'static str> {
        if Address::parse(&self.node).is_none() {
            return Err("node must be [nsu=URI;](s=TEXT | i=NUMBER | g=GUID | b=BASE64), or a text");
        }
        if self.sampling_ms == Some(0) {
            return Err("sampling_ms must be above 0");
        }
        match self.deadband {
            Some(Deadband::Absolute(width)) if !(width.is_finite() && width > 0.0) => {
                return Err("an absolute deadband must be above 0");
            }
            Some(Deadband::Percent(width)) if !(width > 0.0 && width <= 100.0) => {
                return Err("a deadband in percent must be above 0 and at most 100");
            }
            _ => {}
        }
        let calls = access == Access::Call;
        match &self.object {
            None if calls => return Err("a tag of access call needs the object of the method"),
            Some(_) if !calls => return Err("only a tag of access call has an object"),
            Some(object) if Address::parse(object).is_none() => return Err("object is no node"),
            _ => {}
        }
        if !calls && !self.arguments.is_empty() {
            return Err("only a tag of access call has arguments");
        }
        if self.arguments.iter().filter(|one| one.value.is_none()).count() > 1 {
            return Err("at most one argument may be without a fixed value");
        }
        for argument in &self.arguments {
            if argument.value.as_ref().is_some_and(|value| argument.scalar.variant(&value.into()).is_err()) {
                return Err("a fixed value does not fit the type of its argument");
            }
        }
        Ok(())
    }
}

/// A node by the URI of its namespace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Address {
    /// `None`: that of the template.
    pub(crate) uri: Option<String>,
    pub(crate) identifier: Identifier,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (uri, rest) = match text.strip_prefix("nsu=") {
            Some(rest) => {
                let (uri, rest) = rest.split_once(';')?;
                (Some(uri.to_owned()), rest)
            }
            None => (None, text),
        };
        let typed = ["s=", "i=", "g=", "b="].iter().any(|kind| rest.starts_with(kind));
        let identifier = match typed {
            true => Identifier::from_str(rest).ok()?,
            false if uri.is_none() && !rest.is_empty() => Identifier::String(rest.into()),
            false => return None,
        };
        Some(Self { uri, identifier })
    }

    /// The node on a server, or the namespace that it does not have.
    pub(crate) fn on(&self, default: &str, index_of: impl Fn(&str) -> Option<u16>) -> Result<NodeId, String> {
        let uri = self.uri.as_deref().unwrap_or(default);
        match index_of(uri) {
            Some(index) => Ok(NodeId::new(index, self.identifier.clone())),
            None => Err(uri.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_named_by_the_uri_of_its_namespace() {
        let index_of = |uri: &str| match uri {
            "http://opcfoundation.org/UA/" => Some(0),
            "urn:own" => Some(3),
            "urn:other" => Some(7),
            _ => None,
        };
        for (text, expected) in [
            ("BR-01/Vessel", "ns=3;s=BR-01/Vessel"),
            ("s=a;b=c", "ns=3;s=a;b=c"),
            ("i=12", "ns=3;i=12"),
            ("nsu=urn:other;s=x", "ns=7;s=x"),
            ("nsu=http://opcfoundation.org/UA/;i=2253", "i=2253"),
            ("nsu=urn:other;g=72962b91-fa75-4ae6-8d28-b404dc7daf63", "ns=7;g=72962b91-fa75-4ae6-8d28-b404dc7daf63"),
            ("nsu=urn:other;b=AQIDBA==", "ns=7;b=AQIDBA=="),
        ] {
            let node = Address::parse(text).unwrap().on("urn:own", index_of).unwrap();
            assert_eq!(node.to_string(), expected, "{text}");
        }
        assert_eq!(Address::parse("nsu=urn:gone;i=1").unwrap().on("urn:own", index_of), Err("urn:gone".to_owned()));
        for wrong in ["", "i=x", "nsu=urn:a", "nsu=urn:a;x", "g=12", "i=-1"] {
            assert_eq!(Address::parse(wrong), None, "{wrong}");
        }
    }
}
