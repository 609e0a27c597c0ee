//! Submitting and approving master recipes.

use crate::{
    access::{Reauth, Rejection, Signature, Statement, Subject, Who},
    clock::Timestamp,
    engine::{Command, Engine, MasterRecipe, decide::fresh},
    id::PersonId,
    isa88::{Approval, Recipe, RecipeBody, RecipeEvent},
    journal::{
        Event, Owner, StreamId, StreamKind,
        encode::{canonical_of, sha256},
    },
    quantity::Language,
};

use super::decide::Decision;

/// The statement that approves a recipe; a page shows it and posts its hash back.
pub fn recipe_statement(
    master: &MasterRecipe,
    signer: &PersonId,
    shown_at: Timestamp,
    language: Language,
) -> Statement {
    let header = &master.body.header;
    Statement::of_recipe((&header.id, header.version, master.hash), signer, shown_at, language)
}

impl Engine {
    pub(super) fn submit_recipe(&mut self, body: &RecipeBody, who: &Who) -> Decision {
        let header = &body.header;
        let key = (header.id.clone(), header.version);
        if self.books.recipes.contains_key(&key) {
            return Err(Rejection::new(
                "C211-17",
                format!("{} 第{}版は既にあります。版番号を上げてください。", header.id, header.version),
                format!("{} version {} exists already. Raise the version.", header.id, header.version),
            ));
        }
        let foreign = self
            .books
            .recipes
            .iter()
            .any(|((id, _), recipe)| *id == header.id && recipe.body.header.tenant != header.tenant);
        if foreign {
            return Err(Rejection::new(
                "exists",
                format!("レシピ番号 {} は使えません。別の番号にしてください。", header.id),
                format!("The recipe id {} cannot be used. Choose another one.", header.id),
            ));
        }
        Recipe::from_body(body.clone()).map_err(|errors| {
            Rejection::new(
                "S88-05",
                format!("レシピに誤りがあります: {errors}"),
                format!("The recipe has faults: {errors}"),
            )
        })?;
        let Some(author) = who.actor.person().cloned() else { return Err(Rejection::not_found()) };
        let bytes = canonical_of(body).map_err(|error| {
            Rejection::new(
                "DOC-08",
                format!("レシピを記録できません: {error}"),
                format!("The recipe cannot be recorded: {error}"),
            )
        })?;
        let event = RecipeEvent::Submitted { body: Box::new(body.clone()), hash: sha256(&[&bytes]), author };
        Ok(self.enter_recipe(body, &event, who))
    }

    pub(super) fn approve_recipe(&mut self, command: &Command, who: &Who, signer: Option<&Reauth>) -> Decision {
        let Command::ApproveRecipe { recipe, version, approval, statement, shown_at, language, signature } = command
        else {
            return Err(Rejection::not_found());
        };
        let Some(person) = who.actor.person().cloned() else { return Err(Rejection::not_found()) };
        fresh(signer, &person)?;
        let master = self.books.recipes.get(&(recipe.clone(), *version)).cloned().ok_or_else(Rejection::not_found)?;
        let taken = match approval {
            Approval::Production => &master.production,
            Approval::Quality => &master.quality,
        };
        if taken.is_some() {
            return Err(Rejection::new("C211-17", "既に承認されています。", "It is approved already."));
        }
        let other = [Some(&master.author), master.production.as_ref(), master.quality.as_ref()];
        if other.contains(&Some(&person)) {
            return Err(Rejection::new(
                "SOD-02",
                "作成者、製造の承認者、品質の承認者は別の人でなければなりません。",
                "Author, production approver and quality approver have to be three people.",
            ));
        }
        let shown = recipe_statement(&master, &person, *shown_at, *language);
        let rebuilt = shown.hash()?;
        if rebuilt != *statement {
            return Err(Rejection::new(
                "P11-19",
                "表示後に内容が変わりました。読み直してから署名してください。",
                "The recipe changed since it was shown. Read it again, then sign.",
            ));
        }
        let role = match &who.actor {
            crate::access::Actor::Person { role: Some(role), .. } => *role,
            _ => return Err(Rejection::not_found()),
        };
        let signature = Signature {
            id: signature.clone(),
            subject: Subject::Recipe(recipe.clone(), *version),
            statement: shown,
            statement_hash: rebuilt,
            name: who.actor.name().to_owned(),
            role,
            at: self.now(),
            method: who.auth,
        };
        let event = RecipeEvent::Approved { recipe: recipe.clone(), version: *version, approval: *approval, signature };
        Ok(self.enter_recipe(&master.body, &event, who))
    }

    fn enter_recipe(&mut self, body: &RecipeBody, event: &RecipeEvent, who: &Who) -> Vec<crate::journal::EntryId> {
        let owner = Owner::Tenant(body.header.tenant.clone());
        let stream = StreamId::new(StreamKind::Recipe, &body.header.id);
        self.enter(owner, stream, &Event::Recipe(event.clone()), who).into_iter().collect()
    }
}
