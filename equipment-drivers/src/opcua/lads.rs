//! Makes instances of the types of the nodesets: every mandatory child of a type and its supertypes, and those optional ones that
//! are asked for.
//!
//! It copies what the types declare. Which device is made of it, and what its values are, is in `space.rs`.

use std::collections::BTreeMap;

use opcua::{
    nodes::{Base, DefaultTypeTree, Method, NodeType, Object, ReferenceDirection, Variable},
    server::address_space::{AddressSpace, EventNotifier},
    types::{
        AttributeId, BrowseDirection, DataEncoding, DataValue, NodeClass, NodeId, NumericRange, ObjectId,
        QualifiedName, ReferenceTypeId, TimestampsToReturn, Variant,
    },
};

/// Access to the value of a variable that a type declares: reading.
const READ: u8 = 1;

/// Where the types are.
pub(super) struct Declared<'a> {
    pub(super) types: &'a AddressSpace,
    pub(super) core: &'a AddressSpace,
    pub(super) tree: &'a DefaultTypeTree,
}

/// One child that a type declares, under one browse name.
struct Child {
    /// The reference that leads to it.
    reference: NodeId,
    /// Its declarations, the most derived first.
    declarations: Vec<NodeId>,
}

impl Declared<'_> {
    fn find(&self, id: &NodeId) -> Option<&NodeType> {
        self.types.find_node(id).or_else(|| self.core.find_node(id))
    }

    /// Forward references of a node, wherever they are kept.
    fn references(&self, from: &NodeId) -> Vec<(NodeId, NodeId)> {
        let mut all: Vec<(NodeId, NodeId)> = [self.types, self.core]
            .into_iter()
            .flat_map(|space| space.find_references(from, None::<(NodeId, bool)>, self.tree, BrowseDirection::Forward))
            .map(|one| (one.reference_type.clone(), one.target_node.clone()))
            .collect();
        // The library keeps them in no order.
        all.sort_by_cached_key(|(kind, target)| (target.to_string(), kind.to_string()));
        all.dedup();
        all
    }

    fn type_of(&self, declaration: &NodeId) -> Option<NodeId> {
        let definition: NodeId = ReferenceTypeId::HasTypeDefinition.into();
        self.references(declaration).into_iter().find(|(kind, _)| *kind == definition).map(|(_, target)| target)
    }

    fn is_mandatory(&self, declaration: &NodeId) -> bool {
        let (rule, mandatory): (NodeId, NodeId) =
            (ReferenceTypeId::HasModellingRule.into(), ObjectId::ModellingRule_Mandatory.into());
        self.references(declaration).contains(&(rule, mandatory))
    }

    /// A type and those that it is derived from, itself first.
    fn line(&self, kind: &NodeId) -> Vec<NodeId> {
        let mut line = vec![kind.clone()];
        let mut at = kind.clone();
        while let Some(parent) = self.supertype(&at) {
            line.push(parent.clone());
            at = parent;
        }
        line
    }

    fn supertype(&self, kind: &NodeId) -> Option<NodeId> {
        let subtype = Some((ReferenceTypeId::HasSubtype, false));
        [self.types, self.core].into_iter().find_map(|space| {
            let mut up = space.find_references(kind, subtype, self.tree, BrowseDirection::Inverse);
            up.next().map(|one| one.target_node.clone())
        })
    }

    /// What hangs below these declarations, by browse name.
    fn children(&self, declarations: &[NodeId]) -> BTreeMap<String, Child> {
        let has: [NodeId; 4] = [
            ReferenceTypeId::HasComponent.into(),
            ReferenceTypeId::HasProperty.into(),
            ReferenceTypeId::HasAddIn.into(),
            ReferenceTypeId::HasOrderedComponent.into(),
        ];
        let mut children: BTreeMap<String, Child> = BTreeMap::new();
        for declaration in declarations {
            for (reference, target) in self.references(declaration) {
                let Some(node) = self.find(&target).filter(|_| has.contains(&reference)) else { continue };
                let name = node.as_node().browse_name().name.to_string();
                let child = children.entry(name).or_insert(Child { reference, declarations: Vec::new() });
                child.declarations.push(target);
            }
        }
        children
    }
}

/// Builds instances into the address space of a device.
pub(super) struct Builder<'a> {
    pub(super) declared: Declared<'a>,
    pub(super) space: &'a mut AddressSpace,
    /// Namespace of the instances.
    pub(super) namespace: u16,
}

/// An object to be made.
pub(super) struct Instance<'a> {
    /// Its node: a text in the namespace of the instances.
    pub(super) path: &'a str,
    /// Its browse name.
    pub(super) name: &'a str,
    /// What it hangs below, and by which reference.
    pub(super) parent: (NodeId, ReferenceTypeId),
    pub(super) kind: NodeId,
    /// Optional children wanted, as paths below it.
    pub(super) optional: &'a [&'a str],
}

/// Which instance stands for which declaration, within one object.
type Made = Vec<(NodeId, NodeId)>;

impl Builder<'_> {
    pub(super) fn node(&self, path: &str) -> NodeId {
        NodeId::new(self.namespace, path.to_owned())
    }

    /// Makes an object of a type with its mandatory children.
    pub(super) fn object(&mut self, wanted: &Instance<'_>) {
        let id = self.node(wanted.path);
        let name = QualifiedName::new(self.namespace, wanted.name);
        let base = Base::new(NodeClass::Object, &id, name, wanted.name);
        let (parent, reference) = &wanted.parent;
        self.insert(
            Object::new_full(base, EventNotifier::empty()).into(),
            parent,
            &reference.into(),
            Some(&wanted.kind),
        );
        let mut made = Made::new();
        let line = self.declared.line(&wanted.kind);
        self.flesh(wanted.path, "", &line, wanted.optional, &mut made);
        self.group(&made);
    }

    /// Makes what hangs below `path`, which is `below` the object under way.
    fn flesh(&mut self, path: &str, below: &str, declarations: &[NodeId], optional: &[&str], made: &mut Made) {
        for (name, child) in self.declared.children(declarations) {
            let Some(first) = child.declarations.first() else { continue };
            let at = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
            if !child.declarations.iter().any(|one| self.declared.is_mandatory(one)) && !optional.contains(&at.as_str())
            {
                continue;
            }
            let id = self.node(&format!("{path}/{name}"));
            if self.space.node_exists(&id) {
                continue;
            }
            let kind = child.declarations.iter().find_map(|one| self.declared.type_of(one));
            let Some(copy) = self.declared.find(first).and_then(|node| copy(node, &id)) else { continue };
            self.insert(copy, &self.node(path), &child.reference, kind.as_ref());
            made.extend(child.declarations.iter().map(|one| (one.clone(), id.clone())));
            let mut all = child.declarations;
            if let Some(kind) = kind {
                all.extend(self.declared.line(&kind));
            }
            self.flesh(&format!("{path}/{name}"), &at, &all, optional, made);
        }
    }

    /// Groups organise what lies elsewhere in the same object; so do the instances.
    fn group(&mut self, made: &Made) {
        let organizes: NodeId = ReferenceTypeId::Organizes.into();
        for (declaration, instance) in made {
            for (reference, target) in self.declared.references(declaration) {
                let found = made.iter().find(|(one, _)| *one == target).map(|(_, id)| id);
                if let Some(organised) = found.filter(|id| reference == organizes && *id != instance) {
                    self.space.insert_reference(instance, organised, organizes.clone());
                }
            }
        }
    }

    fn insert(&mut self, node: NodeType, parent: &NodeId, reference: &NodeId, kind: Option<&NodeId>) {
        let definition: NodeId = ReferenceTypeId::HasTypeDefinition.into();
        let mut references = vec![(parent, reference, ReferenceDirection::Inverse)];
        if let Some(kind) = kind {
            references.push((kind, &definition, ReferenceDirection::Forward));
        }
        self.space.insert(node, Some(references.as_slice()));
    }

    /// Sets the value of a variable that was made, if it was.
    pub(super) fn set(&mut self, path: &str, value: impl Into<Variant>) {
        let id = self.node(path);
        if let Some(NodeType::Variable(variable)) = self.space.find_mut(&id) {
            variable.set_data_value(DataValue::new_now(value));
        }
    }
}

/// The same node under another id; nothing for classes of nodes that no instance has.
fn copy(node: &NodeType, id: &NodeId) -> Option<NodeType> {
    let of = node.as_node();
    let base = Base::new(of.node_class(), id, of.browse_name().clone(), of.display_name().clone());
    Some(match node {
        NodeType::Object(_) => Object::new_full(base, EventNotifier::empty()).into(),
        NodeType::Method(_) => Method::new_full(base, true, true).into(),
        NodeType::Variable(variable) => {
            let value = of.get_attribute(
                TimestampsToReturn::Both,
                AttributeId::Value,
                &NumericRange::None,
                &DataEncoding::Binary,
            );
            let value =
                value.filter(|value| value.value.is_some()).unwrap_or_else(|| DataValue::new_now(Variant::Empty));
            let dimensions = variable.array_dimensions();
            let (data_type, rank) = (variable.data_type(), variable.value_rank());
            Variable::new_full(base, data_type, false, rank, value, READ, READ, dimensions, None).into()
        }
        _ => return None,
    })
}
