//! The official nodesets that describe laboratory equipment: DI, AMB, Machinery and LADS, read once and shared by all servers of
//! this process.
//!
//! They hold types only. The instance of a device is made of them in `lads.rs`.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use opcua::server::{
    address_space::{AddressSpace, ImportedItem, NodeSet2Import, NodeSetImport, NodeSetNamespaceMapper},
    diagnostics::NamespaceMetadata,
    node_manager::{
        DynNodeManager, NodeManagerBuilder, ServerContext,
        memory::{
            InMemoryNodeManager, InMemoryNodeManagerBuilder, InMemoryNodeManagerImpl, InMemoryNodeManagerImplBuilder,
        },
    },
};

/// The licence under which the nodesets are distributed.
pub const NODESETS_LICENCE: &str = include_str!(concat!(env!("OUT_DIR"), "/nodesets-licence.txt"));
/// Namespaces, in the order in which each builds on those before it.
pub(super) const DI: &str = "http://opcfoundation.org/UA/DI/";
pub(super) const LADS: &str = "http://opcfoundation.org/UA/LADS/";
pub(super) const MACHINERY: &str = "http://opcfoundation.org/UA/Machinery/";
const NODESETS: [(&str, &str); 4] = [
    (DI, include_str!(concat!(env!("OUT_DIR"), "/di.xml"))),
    ("http://opcfoundation.org/UA/AMB/", include_str!(concat!(env!("OUT_DIR"), "/amb.xml"))),
    (MACHINERY, include_str!(concat!(env!("OUT_DIR"), "/machinery.xml"))),
    (LADS, include_str!(concat!(env!("OUT_DIR"), "/lads.xml"))),
];
/// Name of the node manager that holds them.
pub(super) const TYPES: &str = "types";

/// The manager of the types, by its library's own means.
pub(super) type TypesManager = InMemoryNodeManager<Types>;

/// Types that were read.
struct Shared {
    /// The namespaces that reading has made known, in the order of their indices.
    namespaces: Vec<(String, u16)>,
    manager: Arc<DynNodeManager>,
}

/// Read once: of use to every server that knows the namespaces by the same indices.
static SHARED: Mutex<Option<Shared>> = Mutex::new(None);

/// Adds the types to a server. It must be the first node manager that is added, so that indices are alike.
pub(super) struct SharedTypes;

impl NodeManagerBuilder for SharedTypes {
    fn build(self: Box<Self>, context: ServerContext) -> Arc<DynNodeManager> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shared.as_ref() {
            let mut tree = context.type_tree.write();
            if known.namespaces.iter().all(|(uri, index)| tree.namespaces_mut().add_namespace(uri) == *index) {
                return known.manager.clone();
            }
        }
        let read = Box::new(InMemoryNodeManagerBuilder::new(Reading)).build(context.clone());
        let tree = context.type_tree.read();
        let known = tree.namespaces().known_namespaces();
        let mut namespaces: Vec<(String, u16)> = known.iter().map(|(uri, index)| (uri.clone(), *index)).collect();
        namespaces.sort_by_key(|(_, index)| *index);
        *shared = Some(Shared { namespaces, manager: read.clone() });
        read
    }
}

/// The namespace of OPC UA itself. A nodeset that does not list it counts its own from 1.
const BASE: &str = "http://opcfoundation.org/UA/";

/// A nodeset that is read without a word: the library's own way of making its namespaces known prints them on standard output.
struct Silent(NodeSet2Import);

impl NodeSetImport for Silent {
    fn register_namespaces(&self, namespaces: &mut NodeSetNamespaceMapper<'_>) {
        let listed = self.0.get_own_namespaces();
        let first = u16::from(listed.first().is_none_or(|uri| uri != BASE));
        for (index, uri) in (first..).zip(&listed).filter(|(_, uri)| *uri != BASE) {
            namespaces.add_namespace(uri, index);
        }
    }
    fn get_own_namespaces(&self) -> Vec<String> {
        self.0.get_own_namespaces()
    }
    fn load<'a>(&'a self, namespaces: &'a NodeSetNamespaceMapper<'a>) -> Box<dyn Iterator<Item = ImportedItem> + 'a> {
        self.0.load(namespaces)
    }
}

struct Reading;

impl InMemoryNodeManagerImplBuilder for Reading {
    type Impl = Types;

    fn build(self, context: ServerContext, space: &mut AddressSpace) -> Types {
        let mut namespaces = Vec::new();
        let mut tree = context.type_tree.write();
        for (uri, xml) in NODESETS {
            match NodeSet2Import::new_str("en", xml, Vec::new()) {
                Ok(nodeset) => space.import_node_set(&Silent(nodeset), tree.namespaces_mut()),
                // The build embeds what it was tested with; without its types the device cannot be built, and says so.
                Err(error) => tracing::error!(%error, uri, "simulator: a nodeset cannot be read"),
            }
            let namespace_index = tree.namespaces_mut().add_namespace(uri);
            space.add_namespace(uri, namespace_index);
            namespaces.push(NamespaceMetadata {
                namespace_uri: uri.to_owned(),
                namespace_index,
                ..NamespaceMetadata::default()
            });
        }
        Types { namespaces }
    }
}

/// The types, which only answer what they are.
pub(super) struct Types {
    namespaces: Vec<NamespaceMetadata>,
}

impl InMemoryNodeManagerImpl for Types {
    // Written out, because the trait wants a boxed future.
    fn init<'this, 'space, 'future>(
        &'this self,
        _space: &'space mut AddressSpace,
        _context: ServerContext,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'future>>
    where
        'this: 'future,
        'space: 'future,
        Self: 'future,
    {
        Box::pin(std::future::ready(()))
    }

    fn name(&self) -> &str {
        TYPES
    }

    fn namespaces(&self) -> Vec<NamespaceMetadata> {
        self.namespaces.clone()
    }
}
