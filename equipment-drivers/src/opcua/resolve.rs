//! The nodes of a template on one server: namespace indices, types and the limits of the server, asked anew on each
//! connection.
//!
//! A node that cannot be found is no reason to end the connection: it becomes the quality of its tag.

use opcua::{
    client::Session,
    types::{
        AttributeId, DataValue, NamespaceMap, NodeId, ReadValueId, StatusCode, TimestampsToReturn, VariableId, Variant,
    },
};
use tokio::time::timeout;

use super::{
    REQUEST_MAX,
    method::Method,
    point::{Address, OpcUaSpace},
    value::Scalar,
};
use crate::{
    driver::{Device, LinkError},
    template::Access,
};

/// Nodes or items in one request at most, also where the server sets no limit.
const PER_REQUEST_MAX: usize = 1000;
/// As long as the server's own limits are unknown; small controllers take no more.
const PER_REQUEST_FIRST: usize = 100;

/// What the server takes in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) nodes_per_read: usize,
    pub(super) items_per_call: usize,
}

impl Limits {
    /// Asks the server; zero or no answer means that it sets no limit, or knows none.
    pub(super) async fn ask(session: &Session) -> Result<Self, LinkError> {
        let mut limits = Self { nodes_per_read: PER_REQUEST_FIRST, items_per_call: PER_REQUEST_FIRST };
        let nodes = [
            VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
            VariableId::Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
        ]
        .map(NodeId::from);
        let answers = read(session, &mut limits, &nodes, AttributeId::Value).await?;
        let said = |place: usize| match answers.get(place).and_then(|data| data.value.as_ref()) {
            Some(Variant::UInt32(0)) => PER_REQUEST_MAX,
            Some(Variant::UInt32(limit)) => usize::try_from(*limit).unwrap_or(PER_REQUEST_MAX).min(PER_REQUEST_MAX),
            _ => PER_REQUEST_FIRST,
        };
        Ok(Self { nodes_per_read: said(0), items_per_call: said(1) })
    }

    /// Whether the server wants smaller requests than it has told.
    pub(super) fn was_too_much(status: StatusCode, length: usize) -> bool {
        let code = status.sub_code().to_string();
        length > 1
            && ["BadTooManyOperations", "BadRequestTooLarge", "BadResponseTooLarge", "BadEncodingLimitsExceeded"]
                .contains(&code.as_str())
    }
}

/// What a tag of the template is on this server.
#[derive(Debug, Clone)]
pub(super) enum Point {
    Variable {
        node: NodeId,
        scalar: Option<Scalar>,
    },
    Method(Method),
    /// Why there is none.
    Missing(String),
}

impl Point {
    pub(super) fn node(&self) -> Option<&NodeId> {
        match self {
            Self::Variable { node, .. } => Some(node),
            Self::Method(_) | Self::Missing(_) => None,
        }
    }
}

/// Reads one attribute of many nodes, in requests of the size that the server takes.
pub(super) async fn read(
    session: &Session,
    limits: &mut Limits,
    nodes: &[NodeId],
    attribute: AttributeId,
) -> Result<Vec<DataValue>, LinkError> {
    let mut all = Vec::with_capacity(nodes.len());
    while let Some(rest) = nodes.get(all.len()..).filter(|rest| !rest.is_empty()) {
        let request: Vec<_> = rest
            .iter()
            .take(limits.nodes_per_read)
            .map(|node| ReadValueId { node_id: node.clone(), attribute_id: attribute as u32, ..ReadValueId::default() })
            .collect();
        // An age of zero: the device is asked, not a cache of the server.
        match timeout(REQUEST_MAX, session.read(&request, TimestampsToReturn::Both, 0.0)).await {
            Err(_) => {
                return Err(LinkError::lost("read", format!("no answer within {} s", REQUEST_MAX.as_secs())));
            }
            Ok(Ok(values)) if values.len() == request.len() => all.extend(values),
            Ok(Ok(_)) => return Err(LinkError::lost("read", "an answer of the wrong length")),
            Ok(Err(error)) if Limits::was_too_much(error.status(), request.len()) => {
                limits.nodes_per_read = request.len() / 2;
            }
            Ok(Err(error)) => return Err(LinkError::lost("read", error)),
        }
    }
    Ok(all)
}

/// The namespaces of this very session.
pub(super) async fn namespaces(session: &Session) -> Result<NamespaceMap, LinkError> {
    match timeout(REQUEST_MAX, session.read_namespace_array()).await {
        Ok(Ok(map)) => Ok(map),
        Ok(Err(error)) => Err(LinkError::lost("resolve nodes", error)),
        Err(_) => Err(LinkError::lost("resolve nodes", "no answer in time")),
    }
}

/// Finds the nodes of a device, with the types of its variables.
pub(super) async fn points(
    session: &Session,
    limits: &mut Limits,
    device: &Device,
    space: &OpcUaSpace,
) -> Result<Vec<Point>, LinkError> {
    let namespaces = namespaces(session).await?;
    let default = named(&space.namespace, device);
    let mut points: Vec<_> = device.template.tags.iter().map(|tag| point(tag, device, &default, &namespaces)).collect();
    if !points.is_empty() && points.iter().all(|one| matches!(one, Point::Missing(_))) {
        // A server that has just started may still be loading its model: this is tried again.
        let cause = format!(
            "the device has no namespace \"{default}\"; unless it is still starting, its template \"{}\" or its \
             address is wrong",
            device.template.name
        );
        return Err(LinkError::lost("resolve nodes", cause));
    }
    let nodes: Vec<_> = points.iter().filter_map(|one| one.node().cloned()).collect();
    let types = read(session, limits, &nodes, AttributeId::DataType).await?;
    let mut scalars: Vec<_> = types
        .iter()
        .map(|data| match &data.value {
            Some(Variant::NodeId(data_type)) => Scalar::of(data_type),
            _ => None,
        })
        .collect();
    // Where the type is one of the server's own (an enumeration, say), the value shows how it travels.
    let unknown: Vec<_> =
        nodes.iter().zip(&scalars).filter(|(_, scalar)| scalar.is_none()).map(|(node, _)| node.clone()).collect();
    let values = read(session, limits, &unknown, AttributeId::Value).await?;
    let mut shown = values.iter().map(|data| data.value.as_ref().and_then(Scalar::of_value));
    for scalar in scalars.iter_mut().filter(|scalar| scalar.is_none()) {
        *scalar = shown.next().flatten();
    }
    let mut scalars = scalars.into_iter();
    for one in &mut points {
        if let Point::Variable { scalar, .. } = one {
            *scalar = scalars.next().flatten();
        }
    }
    Ok(points)
}

/// A text of the template for this device.
pub(super) fn named(text: &str, device: &Device) -> String {
    text.replace("{device}", device.name())
}

/// A node of the template on this server.
pub(super) fn node(text: &str, device: &Device, default: &str, namespaces: &NamespaceMap) -> Result<NodeId, String> {
    let address = Address::parse(&named(text, device)).ok_or_else(|| "BadNodeIdInvalid".to_owned())?;
    address.on(default, |uri| namespaces.get_index(uri)).map_err(|uri| format!("the device has no namespace \"{uri}\""))
}

fn point(tag: &crate::template::TagTemplate, device: &Device, default: &str, namespaces: &NamespaceMap) -> Point {
    let Some(said) = &tag.opc_ua else { return Point::Missing("the template has no node for this tag".to_owned()) };
    let found = |text: &str| node(text, device, default, namespaces);
    if tag.access == Access::Call {
        let object = said.object.as_deref().unwrap_or_default();
        return match (found(object), found(&said.node)) {
            (Ok(object), Ok(method)) => Point::Method(Method { object, method, arguments: said.arguments.clone() }),
            (Err(cause), _) | (_, Err(cause)) => Point::Missing(cause),
        };
    }
    match found(&said.node) {
        Ok(node) => Point::Variable { node, scalar: None },
        Err(cause) => Point::Missing(cause),
    }
}
