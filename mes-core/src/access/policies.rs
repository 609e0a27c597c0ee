//! The policies in force: Cedar text that QA reads, embedded, validated against its schema, and asked inside `Engine::step`.
//!
//! Cedar only answers "may this person, in this role, do this to that". Replay never asks it: what was permitted is in the record.

use std::collections::BTreeMap;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression, Schema, ValidationMode, Validator,
};

use crate::{
    access::{Action, Rejection, Resource, Side, needed, roles_for},
    clock::Timestamp,
    id::{PersonId, TenantId},
    journal::{Hash, encode::sha256},
    tenant::{Facility, Person, Role, RoleGrant},
};

/// The texts, by file name, in the order in which they are hashed.
const TEXTS: [(&str, &str); 3] = [
    ("schema.cedarschema", include_str!("../../policies/schema.cedarschema")),
    ("roles.cedar", include_str!("../../policies/roles.cedar")),
    ("segregation.cedar", include_str!("../../policies/segregation.cedar")),
];

/// Why policies cannot be used, or a question to them could not be put.
#[derive(Debug, thiserror::Error)]
pub enum PoliciesError {
    /// The schema is not Cedar.
    #[error("policies/schema.cedarschema cannot be read: {0}")]
    Schema(String),
    /// A policy text is not Cedar.
    #[error("a policy text cannot be read: {0}")]
    Text(String),
    /// A policy speaks of something that the schema does not have, or a forbid does not say what it means.
    #[error("the policies do not fit their schema: {0}")]
    Invalid(String),
}

/// What a refusal by a forbid says.
#[derive(Debug, Clone)]
struct Said {
    rule: String,
    ja: String,
    en: String,
}

/// The policies in force.
#[derive(Debug)]
pub struct Policies {
    set: PolicySet,
    schema: Schema,
    authorizer: Authorizer,
    kinds: Kinds,
    said: BTreeMap<String, Said>,
    hash: Hash,
}

/// The names of the schema's entity types, parsed once.
#[derive(Debug)]
struct Kinds {
    role: EntityTypeName,
    person: EntityTypeName,
    action: EntityTypeName,
    batch: EntityTypeName,
    recipe: EntityTypeName,
    booking: EntityTypeName,
    facility: EntityTypeName,
}

impl Kinds {
    fn new() -> Result<Self, PoliciesError> {
        let kind = |name: &str| {
            format!("Mes::{name}").parse::<EntityTypeName>().map_err(|e| PoliciesError::Invalid(e.to_string()))
        };
        Ok(Self {
            role: kind("Role")?,
            person: kind("Person")?,
            action: kind("Action")?,
            batch: kind("Batch")?,
            recipe: kind("Recipe")?,
            booking: kind("Booking")?,
            facility: kind("Facility")?,
        })
    }
}

/// What Cedar answered.
enum Answer {
    Permitted,
    Forbidden(Option<Said>),
}

impl Policies {
    /// Reads the embedded policies and validates them against their schema.
    ///
    /// # Errors
    /// [`PoliciesError`] names the text and what is wrong with it.
    pub fn load() -> Result<Self, PoliciesError> {
        let [(_, schema), (_, roles), (_, segregation)] = TEXTS;
        Self::from_texts(schema, &format!("{roles}\n{segregation}"))
    }

    fn from_texts(schema: &str, policies: &str) -> Result<Self, PoliciesError> {
        let (schema, _) = Schema::from_cedarschema_str(schema).map_err(|e| PoliciesError::Schema(e.to_string()))?;
        let set: PolicySet = policies.parse().map_err(|e| PoliciesError::Text(format!("{e}")))?;
        let checked = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
        if !checked.validation_passed() {
            let found: Vec<String> = checked.validation_errors().map(ToString::to_string).collect();
            return Err(PoliciesError::Invalid(found.join("; ")));
        }
        let mut said = BTreeMap::new();
        for policy in set.policies().filter(|policy| policy.effect() == cedar_policy::Effect::Forbid) {
            let text = |key| policy.annotation(key).map(str::to_owned);
            let (Some(rule), Some(ja), Some(en)) = (text("id"), text("ja"), text("en")) else {
                return Err(PoliciesError::Invalid(format!("{} lacks @id, @ja or @en", policy.id())));
            };
            said.insert(policy.id().to_string(), Said { rule, ja, en });
        }
        let hash = sha256(&TEXTS.map(|(_, text)| text.as_bytes()));
        Ok(Self { set, schema, authorizer: Authorizer::new(), kinds: Kinds::new()?, said, hash })
    }

    /// SHA-256 over the texts; frozen into each batch at its issue.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The texts by file name, as they are exported to auditors.
    pub fn texts() -> &'static [(&'static str, &'static str)] {
        &TEXTS
    }

    /// Whether a person may do an act on a thing, now; in which role.
    ///
    /// # Errors
    /// `not-found` when the person may not know that the thing exists; else the rule that forbids it, or the roles it needs.
    pub fn may(
        &self,
        facility: &Facility,
        person: &PersonId,
        action: Action,
        resource: &Resource,
        now: Timestamp,
    ) -> Result<Role, Rejection> {
        let Some(person) = facility.people.get(person).filter(|person| person.active) else {
            return Err(Rejection::new(
                "P11-20",
                "このアカウントは使用できません。システム管理者に連絡してください。",
                "This account is not in use. Ask the system administrator.",
            ));
        };
        let grants = in_order(person, action, resource);
        let mut forbidden = None;
        for grant in &grants {
            match self.ask(person, grant, action, resource, now)? {
                Answer::Permitted => return Ok(grant.role),
                Answer::Forbidden(said) => forbidden = forbidden.or(said),
            }
        }
        let mut knows = false;
        for grant in &grants {
            knows |= matches!(self.ask(person, grant, Action::See, resource, now)?, Answer::Permitted);
        }
        Err(match (knows, forbidden) {
            (false, _) => Rejection::not_found(),
            (true, Some(said)) => Rejection::new(&said.rule, said.ja, said.en),
            (true, None) => no_role(action, resource),
        })
    }

    fn ask(
        &self,
        person: &Person,
        grant: &RoleGrant,
        action: Action,
        resource: &Resource,
        now: Timestamp,
    ) -> Result<Answer, Rejection> {
        let answer = self.put(person, grant, action, resource, now).map_err(|error| {
            Rejection::new(
                "P11-11",
                format!("権限を判定できません({error})。システム管理者に連絡してください。"),
                format!("The permission cannot be judged ({error}). Tell the system administrator."),
            )
        })?;
        Ok(answer)
    }

    fn put(
        &self,
        person: &Person,
        grant: &RoleGrant,
        action: Action,
        resource: &Resource,
        now: Timestamp,
    ) -> Result<Answer, PoliciesError> {
        let wrong = |what: &str| PoliciesError::Invalid(what.to_owned());
        let (thing, thing_id) = self.kinds.thing(resource)?;
        let who = self.kinds.principal(person, grant)?;
        let entities = Entities::from_entities([who, thing], None).map_err(|e| wrong(&e.to_string()))?;
        let context = Context::from_pairs([("now".to_owned(), RestrictedExpression::new_long(now.as_ms()))])
            .map_err(|e| wrong(&e.to_string()))?;
        let request = Request::new(
            uid(&self.kinds.person, person.id.as_str()),
            uid(&self.kinds.action, action.name()),
            thing_id,
            context,
            Some(&self.schema),
        );
        // An act that a thing of this kind does not have is permitted to nobody.
        let Ok(request) = request else { return Ok(Answer::Forbidden(None)) };
        let response = self.authorizer.is_authorized(&request, &self.set, &entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(wrong(&error.to_string()));
        }
        match response.decision() {
            Decision::Allow => Ok(Answer::Permitted),
            Decision::Deny => {
                let mut rules: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
                rules.sort();
                Ok(Answer::Forbidden(rules.iter().find_map(|id| self.said.get(id)).cloned()))
            }
        }
    }
}

/// A person's grants in the order in which they are tried: that of the table of duties, so that both name the same role.
fn in_order<'a>(person: &'a Person, action: Action, resource: &Resource) -> Vec<&'a RoleGrant> {
    let rows = match resource {
        Resource::Batch(facts) => roles_for(action, &facts.agreement),
        Resource::Recipe { .. } | Resource::Booking { .. } | Resource::Facility { .. } => Vec::new(),
    };
    let place = |grant: &RoleGrant| rows.iter().position(|(role, _)| *role == grant.role).unwrap_or(rows.len());
    let mut grants: Vec<&RoleGrant> = person.roles.iter().collect();
    grants.sort_by_key(|grant| (place(grant), *grant));
    grants
}

fn no_role(action: Action, resource: &Resource) -> Rejection {
    match resource {
        Resource::Batch(facts) => needed(action, &facts.agreement),
        Resource::Recipe { .. } | Resource::Booking { .. } | Resource::Facility { .. } => {
            let title = action.title();
            Rejection::new(
                "P11-11",
                format!("「{}」の権限がありません。その役割の人に依頼してください。", title.ja),
                format!("Your role does not let you {}. Ask a person whose role does.", title.en),
            )
        }
    }
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn code(role: Role) -> &'static str {
    match role {
        Role::Op => "OP",
        Role::Chk => "CHK",
        Role::Sup => "SUP",
        Role::Mm => "MM",
        Role::Qa => "QA",
        Role::Qc => "QC",
        Role::Rel => "REL",
        Role::Tpl => "TPL",
        Role::Tqa => "TQA",
        Role::Aud => "AUD",
        Role::Fad => "FAD",
        Role::Sys => "SYS",
        Role::Eng => "ENG",
    }
}

fn text(value: impl Into<String>) -> RestrictedExpression {
    RestrictedExpression::new_string(value.into())
}

fn tenant_text(tenant: &TenantId) -> String {
    format!("tenant:{tenant}")
}

fn side_text(side: &Side) -> String {
    match side {
        Side::Facility => "facility".to_owned(),
        Side::Tenant(tenant) => tenant_text(tenant),
    }
}

impl Kinds {
    fn people(&self, people: &[PersonId]) -> RestrictedExpression {
        let ids = people.iter().map(|id| RestrictedExpression::new_entity_uid(uid(&self.person, id.as_str())));
        RestrictedExpression::new_set(ids.collect::<Vec<_>>())
    }

    fn principal(&self, person: &Person, grant: &RoleGrant) -> Result<Entity, PoliciesError> {
        let held = person.roles.iter().map(|held| uid(&self.role, code(held.role)));
        let roles = held.map(RestrictedExpression::new_entity_uid).collect::<Vec<_>>();
        let attributes = [
            ("staff".to_owned(), text(side_text(&Side::of(person)))),
            ("granted".to_owned(), text(grant.tenant.as_ref().map(tenant_text).unwrap_or_default())),
            ("until".to_owned(), RestrictedExpression::new_long(grant.until.map_or(i64::MAX, Timestamp::as_ms))),
            ("holds".to_owned(), RestrictedExpression::new_set(roles)),
        ];
        let parents = [uid(&self.role, code(grant.role))];
        let id = uid(&self.person, person.id.as_str());
        Entity::new(id, attributes.into_iter().collect(), parents.into_iter().collect())
            .map_err(|e| PoliciesError::Invalid(e.to_string()))
    }

    fn thing(&self, resource: &Resource) -> Result<(Entity, EntityUid), PoliciesError> {
        let (id, attributes) = match resource {
            Resource::Batch(facts) => (
                uid(&self.batch, &facts.id),
                vec![
                    ("tenant", text(tenant_text(&facts.agreement.tenant))),
                    ("maker", text(side_text(&facts.maker()))),
                    ("performers", self.people(&facts.performers)),
                    ("correctors", self.people(&facts.correctors)),
                    ("production", self.people(&facts.production)),
                    ("actors", self.people(&facts.actors)),
                    ("openers", self.people(&facts.openers)),
                ],
            ),
            Resource::Recipe { id, tenant, authors, approvers } => (
                uid(&self.recipe, id),
                vec![
                    ("tenant", text(tenant_text(tenant))),
                    ("authors", self.people(authors)),
                    ("approvers", self.people(approvers)),
                ],
            ),
            Resource::Booking { id, tenant, assessors } => (
                uid(&self.booking, id),
                vec![("tenant", text(tenant_text(tenant))), ("assessors", self.people(assessors))],
            ),
            Resource::Facility { proposers, grantees } => (
                uid(&self.facility, "facility"),
                vec![("proposers", self.people(proposers)), ("grantees", self.people(grantees))],
            ),
        };
        let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let entity = Entity::new(id.clone(), attributes, [].into_iter().collect());
        Ok((entity.map_err(|e| PoliciesError::Invalid(e.to_string()))?, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_policies_fit_their_schema() {
        let policies = Policies::load().unwrap();
        assert!(policies.said.values().any(|said| said.rule == "SOD-01"));
        assert_ne!(policies.hash(), Hash::ZERO);
    }

    #[test]
    fn a_policy_that_names_what_the_schema_lacks_is_refused_by_name() {
        let [(_, schema), ..] = TEXTS;
        let wrong = r#"permit (principal, action == Mes::Action::"fly", resource);"#;
        let error = Policies::from_texts(schema, wrong).unwrap_err().to_string();
        assert!(error.contains("fly"), "{error}");
        let silent = r#"forbid (principal, action == Mes::Action::"hold", resource);"#;
        assert!(Policies::from_texts(schema, silent).unwrap_err().to_string().contains("@ja"));
    }
}
