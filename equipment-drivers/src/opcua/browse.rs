//! Walks the address space of a server and makes a draft of a template from what it finds.
//!
//! It reads and never writes. The draft is a person's to check: names, units, ranges and what may be written.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
};

use opcua::{
    client::Session,
    types::{
        AttributeId, BrowseDescription, BrowseDirection, DataValue, NodeClass, NodeId, ObjectId, ReferenceDescription,
        ReferenceTypeId, Variant,
    },
};
use tokio::{sync::mpsc, time::timeout};

use super::{
    REQUEST_MAX,
    draft::{Draft, FoundMethod, FoundVariable, draft},
    resolve::{Limits, namespaces, read},
    security::{Login, Security},
    session::{Open, Target},
    value::Scalar,
};
use crate::driver::LinkError;

/// Nodes that are looked at; a server with more is not one device.
pub const BROWSE_NODES_MAX: usize = 20_000;
/// Nodes whose references are asked for at once.
const NODES_PER_BROWSE: usize = 20;
/// References of one node in one answer; the rest is asked for again.
const REFERENCES_MAX: u32 = 500;
/// What comes from the session by itself and is not waited for.
const EVENTS_WAITING_MAX: usize = 8;
/// Bits of a UserAccessLevel.
const CAN_READ: u8 = 1;
const CAN_WRITE: u8 = 2;

/// Which server to browse, and how to get in.
#[derive(Debug, Clone)]
pub struct BrowseRequest {
    /// `opc.tcp://HOST:PORT/PATH`.
    pub url: String,
    /// How the connection has to be secured.
    pub security: Security,
    /// Who logs in.
    pub login: Login,
    /// Folder with our own certificate (made there when missing) and the trust list.
    pub pki_dir: PathBuf,
    /// Thumbprint that a person has read at the device: it is spoken to this once, and not trusted thereby.
    pub thumbprint: Option<String>,
    /// Name of the template to be.
    pub name: String,
}

/// Why there is no draft.
#[derive(Debug, thiserror::Error)]
pub enum BrowseError {
    /// Our own certificate cannot be read or made.
    #[error("own certificate for OPC UA: {0}")]
    Pki(#[from] super::trust::PkiError),
    /// The server cannot be reached or does not let us in.
    #[error("{url}: {reason}")]
    Link {
        /// The server.
        url: String,
        /// Why not.
        reason: String,
    },
    /// There is no end to it.
    #[error("{url}: more than {BROWSE_NODES_MAX} nodes; this is not one device")]
    TooLarge {
        /// The server.
        url: String,
    },
    /// Nothing there can be a tag.
    #[error("{url}: no variable with a value that can be read")]
    Empty {
        /// The server.
        url: String,
    },
}

/// A node on the way.
struct Place {
    node: NodeId,
    path: Vec<String>,
    class: NodeClass,
}

/// What was found, before its attributes are read.
#[derive(Default)]
struct Found {
    variables: Vec<(NodeId, Vec<String>)>,
    methods: Vec<(NodeId, NodeId, Vec<String>)>,
    /// Properties by their owner: `EngineeringUnits`, `EURange`, `InputArguments`.
    properties: BTreeMap<(String, String), NodeId>,
}

/// Browses a server into the draft of a template.
pub async fn browse(request: &BrowseRequest) -> Result<Draft, BrowseError> {
    super::own::prepare_client(&request.pki_dir).await?;
    let link = |error: LinkError| BrowseError::Link { url: request.url.clone(), reason: error.to_string() };
    let target = Target {
        url: request.url.clone(),
        security: request.security.clone(),
        login: request.login.clone(),
        pki_dir: request.pki_dir.clone(),
        thumbprint: request.thumbprint.clone(),
    };
    // The receiver is kept until the end: the session's task tells its end there.
    let (to_us, _events) = mpsc::channel(EVENTS_WAITING_MAX);
    let open = Open::new(&target, to_us).await.map_err(link)?;
    let session = &open.session;
    let mut limits = Limits::ask(session).await.map_err(link)?;
    let uris = namespaces(session).await.map_err(link)?;
    let uris: BTreeMap<u16, String> =
        uris.known_namespaces().iter().map(|(uri, index)| (*index, uri.clone())).collect();
    let found = walk(session).await.map_err(link)?;
    let Some(found) = found else { return Err(BrowseError::TooLarge { url: request.url.clone() }) };
    let variables = variables(session, &mut limits, &found).await.map_err(link)?;
    let methods = methods(session, &mut limits, &found).await.map_err(link)?;
    open.close().await;
    draft(request, &uris, &variables, &methods).ok_or_else(|| BrowseError::Empty { url: request.url.clone() })
}

/// Breadth first, from the objects; `None`: there is no end to it.
async fn walk(session: &Session) -> Result<Option<Found>, LinkError> {
    let mut found = Found::default();
    let root = NodeId::from(ObjectId::ObjectsFolder);
    let mut seen = BTreeSet::from([root.to_string()]);
    let mut queue = VecDeque::from([Place { node: root, path: Vec::new(), class: NodeClass::Object }]);
    while !queue.is_empty() {
        let batch: Vec<_> = queue.drain(..queue.len().min(NODES_PER_BROWSE)).collect();
        let nodes: Vec<_> = batch.iter().map(|place| place.node.clone()).collect();
        for (place, references) in batch.iter().zip(references(session, &nodes).await?) {
            for reference in references {
                queue.extend(visit(place, reference, &mut seen, &mut found));
            }
        }
        if seen.len() > BROWSE_NODES_MAX {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

/// Notes a node; gives it when its own references are of interest.
fn visit(from: &Place, to: ReferenceDescription, seen: &mut BTreeSet<String>, found: &mut Found) -> Option<Place> {
    let (node, name) = (to.node_id.node_id, to.browse_name.name.as_ref().to_owned());
    if to.node_id.server_index != 0 {
        return None;
    }
    if to.reference_type_id == ReferenceTypeId::HasProperty {
        found.properties.insert((from.node.to_string(), name), node);
        return None;
    }
    // The server's own objects (namespace 0) are not the device's.
    if node.namespace == 0 || !seen.insert(node.to_string()) {
        return None;
    }
    let mut path = from.path.clone();
    path.push(name);
    match to.node_class {
        NodeClass::Variable => found.variables.push((node.clone(), path.clone())),
        NodeClass::Method if from.class == NodeClass::Object => {
            found.methods.push((from.node.clone(), node.clone(), path.clone()));
        }
        NodeClass::Object => {}
        _ => return None,
    }
    Some(Place { node, path, class: to.node_class })
}

/// The references of each of these nodes, however many answers they take.
async fn references(session: &Session, nodes: &[NodeId]) -> Result<Vec<Vec<ReferenceDescription>>, LinkError> {
    let lost = |cause: String| LinkError::lost("browse", cause);
    let asked: Vec<_> = nodes
        .iter()
        .map(|node| BrowseDescription {
            node_id: node.clone(),
            browse_direction: BrowseDirection::Forward,
            reference_type_id: ReferenceTypeId::HierarchicalReferences.into(),
            include_subtypes: true,
            node_class_mask: NodeClass::Object as u32 | NodeClass::Variable as u32 | NodeClass::Method as u32,
            result_mask: u32::from(u8::MAX >> 2),
        })
        .collect();
    let results = timeout(REQUEST_MAX, session.browse(&asked, REFERENCES_MAX, None)).await;
    let results =
        results.map_err(|_| lost("no answer in time".to_owned()))?.map_err(|error| lost(error.to_string()))?;
    let mut all = Vec::new();
    for result in results {
        let mut references = result.references.unwrap_or_default();
        let mut point = result.continuation_point;
        while !point.is_null() && !point.as_ref().is_empty() {
            let next = timeout(REQUEST_MAX, session.browse_next(false, &[point])).await;
            let next =
                next.map_err(|_| lost("no answer in time".to_owned()))?.map_err(|error| lost(error.to_string()))?;
            let Some(next) = next.into_iter().next() else { break };
            references.extend(next.references.unwrap_or_default());
            point = next.continuation_point;
        }
        all.push(references);
    }
    Ok(all)
}

async fn variables(session: &Session, limits: &mut Limits, found: &Found) -> Result<Vec<FoundVariable>, LinkError> {
    let nodes: Vec<_> = found.variables.iter().map(|(node, _)| node.clone()).collect();
    let types = read(session, limits, &nodes, AttributeId::DataType).await?;
    let levels = read(session, limits, &nodes, AttributeId::UserAccessLevel).await?;
    let values = read(session, limits, &nodes, AttributeId::Value).await?;
    let units = properties(session, limits, found, &nodes, "EngineeringUnits").await?;
    let ranges = properties(session, limits, found, &nodes, "EURange").await?;
    let attributes = types.iter().zip(levels.iter().zip(&values));
    Ok(found
        .variables
        .iter()
        .zip(attributes)
        .map(|((node, path), (data_type, (level, value)))| {
            let level = if let Some(Variant::Byte(level)) = level.value { level } else { 0 };
            let array = matches!(value.value, Some(Variant::Array(_)));
            let scalar = match &data_type.value {
                Some(Variant::NodeId(id)) if !array => {
                    Scalar::of(id).or_else(|| value.value.as_ref().and_then(Scalar::of_value))
                }
                _ => None,
            };
            let key = node.to_string();
            FoundVariable {
                node: node.clone(),
                path: path.clone(),
                scalar,
                readable: level & CAN_READ != 0,
                writable: level & CAN_WRITE != 0,
                unit: units.get(&key).cloned(),
                range: ranges.get(&key).cloned(),
            }
        })
        .collect())
}

async fn methods(session: &Session, limits: &mut Limits, found: &Found) -> Result<Vec<FoundMethod>, LinkError> {
    let nodes: Vec<_> = found.methods.iter().map(|(_, method, _)| method.clone()).collect();
    let arguments = properties(session, limits, found, &nodes, "InputArguments").await?;
    Ok(found
        .methods
        .iter()
        .map(|(object, method, path)| FoundMethod {
            object: object.clone(),
            method: method.clone(),
            path: path.clone(),
            arguments: arguments.get(&method.to_string()).cloned(),
        })
        .collect())
}

/// The values of one property of many nodes, by the node that has it.
async fn properties(
    session: &Session,
    limits: &mut Limits,
    found: &Found,
    of: &[NodeId],
    name: &str,
) -> Result<BTreeMap<String, Variant>, LinkError> {
    let owned: Vec<_> = of
        .iter()
        .filter_map(|node| {
            let key = (node.to_string(), name.to_owned());
            Some((key.0.clone(), found.properties.get(&key)?.clone()))
        })
        .collect();
    let nodes: Vec<_> = owned.iter().map(|(_, node)| node.clone()).collect();
    let values = read(session, limits, &nodes, AttributeId::Value).await?;
    let value = |data: DataValue| data.value;
    Ok(owned.into_iter().zip(values).filter_map(|((owner, _), data)| Some((owner, value(data)?))).collect())
}
