//! Master recipes: list, reading one as a person reads it, submitting a checked text, and the two approvals (SOD-02).

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use mes_core::{
    access::{Action, Rejection, Statement},
    clock::Timestamp,
    engine::{Act, Command, MasterRecipe, View},
    id::{ItemId, PersonId, RecipeId},
    isa88::{
        Approval, HoldTime, Phase, PhaseKind, RecipeBody, RecordItem, SetPoint, SignOff, TagRef, Watch, load_recipe,
    },
    quantity::Range,
    tenant::Facility,
};
use serde::Deserialize;

use crate::web::form::{Asked, At, Filled};
use crate::web::{
    AppState,
    error::{WebError, status_of},
    form,
    frame::{Frame, page},
    locale::Words,
    session::Session,
    term, wording,
};

/// One recipe in the list.
struct Line {
    id: String,
    version: u32,
    title: String,
    product: String,
    tenant: String,
    author: String,
    production: String,
    quality: String,
    usable: bool,
}

#[derive(Template)]
#[template(path = "recipes.html")]
struct RecipesPage {
    w: Words,
    frame: Frame,
    lines: Vec<Line>,
    may_submit: bool,
    text: String,
    findings: Vec<String>,
    refusal: Option<String>,
}

/// One phase as a reader sees it.
struct PhaseLine {
    id: String,
    path: String,
    name: String,
    instruction: String,
    what: Vec<String>,
    sign: String,
}

/// One parameter.
struct ParameterLine {
    id: String,
    name: String,
    unit: String,
    target: String,
    normal: String,
    acceptable: String,
    expression: String,
}

#[derive(Template)]
#[template(path = "recipe.html")]
struct RecipePage {
    w: Words,
    frame: Frame,
    line: Line,
    hash: String,
    batch_size: String,
    grade: String,
    equipment: Vec<(String, String, String)>,
    parameters: Vec<ParameterLine>,
    phases: Vec<PhaseLine>,
    approve_production: bool,
    approve_quality: bool,
    dialog: Option<Dialog>,
    refusal: Option<String>,
}

/// The dialog of an approval.
struct Dialog {
    approval: &'static str,
    meaning: String,
    signer: String,
    statement: String,
    short: String,
    shown_at: String,
    shown: String,
    signature: String,
}

fn line(view: &View, (id, version): (&RecipeId, u32), recipe: &MasterRecipe, w: Words) -> Line {
    let name =
        |person: &PersonId| view.facility.people.get(person).map_or_else(|| person.to_string(), |p| p.name.full());
    let header = &recipe.body.header;
    let tenant = view.facility.tenants.get(&header.tenant);
    Line {
        id: id.to_string(),
        version,
        title: w.b(&header.title).to_owned(),
        product: w.b(&header.product_name).to_owned(),
        tenant: tenant.map_or_else(|| header.tenant.to_string(), |tenant| w.b(&tenant.name).to_owned()),
        author: name(&recipe.author),
        production: recipe.production.as_ref().map(name).unwrap_or_default(),
        quality: recipe.quality.as_ref().map(name).unwrap_or_default(),
        usable: recipe.approvals.is_some(),
    }
}

fn list_page(
    state: &AppState,
    session: &Session,
    text: String,
    findings: Vec<String>,
    refusal: Option<Rejection>,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let refused =
        refusal.as_ref().map(status_of).or((!findings.is_empty()).then_some(StatusCode::UNPROCESSABLE_ENTITY));
    let content = RecipesPage {
        w,
        frame: Frame::of(state, session, &view, w.t("nav-recipes")),
        lines: view.recipes.iter().map(|((id, version), r)| line(&view, (id, *version), r, w)).collect(),
        may_submit: state.desk.may(&session.scope, Action::SubmitRecipe, None),
        text,
        findings,
        refusal: refusal.map(|refusal| format!("{} ({})", w.b(&refusal.said), refusal.rule)),
    };
    page(refused.unwrap_or(StatusCode::OK), &content)
}

/// The list.
pub(crate) async fn list(State(state): State<AppState>, session: Session) -> Result<Response, WebError> {
    list_page(&state, &session, String::new(), Vec::new(), None)
}

/// The text of a recipe.
#[derive(Deserialize)]
pub(crate) struct Sent {
    text: String,
}

/// Checks a text and submits the recipe for approval; what is wrong with it comes back line by line.
pub(crate) async fn submit(
    State(state): State<AppState>,
    session: Session,
    Filled(sent): Filled<Sent>,
) -> Result<Response, WebError> {
    let recipe = match load_recipe(&sent.text) {
        Ok(recipe) => recipe,
        Err(errors) => {
            let findings = errors.to_string().lines().map(str::to_owned).collect();
            return list_page(&state, &session, sent.text, findings, None);
        }
    };
    let body = Box::new(recipe.body().clone());
    let to = format!("/recipes/{}/{}", body.header.id, body.header.version);
    let act = Act { scope: session.scope.clone(), signer: None, command: Command::SubmitRecipe { body } };
    match state.desk.act(act).await {
        Ok(_) => Ok(Redirect::to(&to).into_response()),
        Err(refusal) => list_page(&state, &session, sent.text, Vec::new(), Some(refusal)),
    }
}

fn ranged(range: &Range) -> String {
    if range.low.is_none() && range.high.is_none() { String::new() } else { range.shown() }
}

/// The words of one recipe: what its items, roles, tags and phases are called.
struct Reader<'r> {
    recipe: &'r RecipeBody,
    facility: &'r Facility,
    w: Words,
}

impl Reader<'_> {
    fn item(&self, id: &ItemId) -> String {
        self.recipe.parameter(id).map_or_else(|| id.to_string(), |known| self.w.b(&known.name).to_owned())
    }
    fn tag(&self, tag: &TagRef) -> String {
        let settings = wording::any_tag(self.facility, self.recipe, tag);
        let title = settings.map_or_else(|| tag.tag.to_string(), |known| self.w.b(&known.title).to_owned());
        let role = wording::role(self.recipe, &tag.role);
        self.w.t2("tag-of-role", ("role", self.w.b(&role)), ("tag", title))
    }
    fn record(&self, item: &RecordItem) -> String {
        let name = self.item(&item.parameter);
        match &item.from {
            Some(from) => self.w.t2("kind-record-from", ("item", name), ("tag", self.tag(from))),
            None => self.w.t1("kind-record", "item", name),
        }
    }
    fn set(&self, point: &SetPoint) -> String {
        let settings = wording::any_tag(self.facility, self.recipe, &point.to);
        let value = wording::amount(point.value, point.unit.shown(), settings, self.w);
        self.w.t2("kind-set", ("tag", self.tag(&point.to)), ("value", value))
    }
    fn wait(&self, condition: &str, for_s: u32, max_s: u32) -> String {
        let known =
            wording::condition(condition, self.recipe, &|tag| wording::any_tag(self.facility, self.recipe, tag));
        let words = known.map_or_else(|| condition.to_owned(), |(_, clauses)| self.w.b(&clauses.words()).to_owned());
        let span = |seconds| wording::span(i64::from(seconds), self.w);
        let limits = self.w.t2("kind-wait-limits", ("held", span(for_s)), ("longest", span(max_s)));
        self.w.t2("kind-wait", ("condition", words), ("limits", limits))
    }
    fn watch(&self, watch: &Watch) -> String {
        let unit = wording::any_tag(self.facility, self.recipe, &watch.tag).map(|tag| tag.unit.shown());
        let range = format!("{} {}", watch.range.shown(), unit.unwrap_or_default());
        self.w.t2("kind-watch", ("name", self.w.b(&watch.name)), ("range", range.trim()))
    }
    fn hold(&self, hold: &HoldTime) -> String {
        let since = self.recipe.phase(&hold.since);
        let since = since.map_or_else(|| hold.since.to_string(), |phase| self.w.b(&phase.name).to_owned());
        let span = |seconds| wording::span(i64::from(seconds), self.w);
        let limits = match hold.min_s {
            0 => self.w.t1("kind-hold-longest", "time", span(hold.max_s)),
            shortest => format!("{} – {}", span(shortest), span(hold.max_s)),
        };
        self.w.t2("kind-hold", ("since", since), ("limits", limits))
    }
    fn what(&self, phase: &Phase) -> Vec<String> {
        let w = self.w;
        let mut lines: Vec<String> = match &phase.kind {
            PhaseKind::Instruction => vec![w.t("kind-instruction")],
            PhaseKind::Record { items } | PhaseKind::Yield { items, .. } => {
                items.iter().map(|item| self.record(item)).collect()
            }
            PhaseKind::Calculate { items } => {
                items.iter().map(|item| w.t1("kind-calculate", "item", self.item(item))).collect()
            }
            PhaseKind::Set { points } => points.iter().map(|point| self.set(point)).collect(),
            PhaseKind::Wait { condition, for_s, max_s } => vec![self.wait(condition, *for_s, *max_s)],
            PhaseKind::LineClearance { lines } => lines.iter().map(|line| format!("☐ {}", w.b(&line.text))).collect(),
            PhaseKind::IdentityCheck => vec![w.t("kind-identity")],
        };
        if let PhaseKind::Yield { calculate, .. } = &phase.kind {
            lines.extend(calculate.iter().map(|item| w.t1("kind-calculate", "item", self.item(item))));
        }
        lines.extend(phase.watch.iter().map(|watch| self.watch(watch)));
        lines.extend(phase.hold.iter().map(|hold| self.hold(hold)));
        lines
    }
}

fn phases(recipe: &MasterRecipe, facility: &Facility, w: Words) -> Vec<PhaseLine> {
    let reader = Reader { recipe: &recipe.body, facility, w };
    let mut lines = Vec::new();
    for unit in &recipe.body.procedure {
        for operation in &unit.operations {
            for phase in &operation.phases {
                lines.push(PhaseLine {
                    id: phase.id.to_string(),
                    path: format!("{} › {}", w.b(&unit.name), w.b(&operation.name)),
                    name: w.b(&phase.name).to_owned(),
                    instruction: w.b(&phase.instruction).to_owned(),
                    what: reader.what(phase),
                    sign: w.t(match phase.sign {
                        SignOff::None => "needs-nobody",
                        SignOff::Performed => "needs-performer",
                        SignOff::Verified => "needs-two",
                    }),
                });
            }
        }
    }
    lines
}

fn parameters(recipe: &MasterRecipe, w: Words) -> Vec<ParameterLine> {
    let line = |parameter: &mes_core::isa88::Parameter| ParameterLine {
        id: parameter.id.to_string(),
        name: w.b(&parameter.name).to_owned(),
        unit: parameter.unit.shown().to_owned(),
        target: parameter.target.map(|target| target.to_string()).unwrap_or_default(),
        normal: ranged(&parameter.normal),
        acceptable: ranged(&parameter.acceptable),
        expression: parameter.expression.clone().unwrap_or_default(),
    };
    recipe.body.formula.iter().map(line).collect()
}

fn recipe_page(
    state: &AppState,
    session: &Session,
    key: &(RecipeId, u32),
    approval: Option<(Approval, Timestamp)>,
    refusal: Option<Rejection>,
) -> Result<Response, WebError> {
    let w = session.words();
    let view = session.view(state);
    let recipe = view.recipes.get(key).ok_or(WebError::NotFound)?;
    let may = |action| state.desk.may(&session.scope, action, None);
    let header = &recipe.body.header;
    let dialog = match approval {
        Some((approval, shown_at)) => Some(dialog(state, session, key, recipe, approval, shown_at)?),
        None => None,
    };
    let status = refusal.as_ref().map_or(StatusCode::OK, status_of);
    let equipment = recipe.body.equipment.iter().map(|needed| {
        let reference = |tag: &mes_core::id::TagName| TagRef { role: needed.role.clone(), tag: tag.clone() };
        let title = |tag: &mes_core::id::TagName| {
            let known = wording::any_tag(&view.facility, &recipe.body, &reference(tag));
            known.map_or_else(|| tag.to_string(), |known| w.b(&known.title).to_owned())
        };
        let tags = needed.tags.iter().map(title).collect::<Vec<_>>().join(w.t("list-comma").as_str());
        (w.b(&needed.name).to_owned(), w.t(term::equipment(needed.class)), tags)
    });
    let content = RecipePage {
        w,
        frame: Frame::of(state, session, &view, key.0.to_string()),
        line: line(&view, (&key.0, key.1), recipe, w),
        hash: recipe.hash.to_string(),
        batch_size: w.b(&header.batch_size).to_owned(),
        grade: format!("{:?}", header.suite_grade),
        equipment: equipment.collect(),
        parameters: parameters(recipe, w),
        phases: phases(recipe, &view.facility, w),
        approve_production: recipe.production.is_none() && may(Action::ApproveRecipeProduction),
        approve_quality: recipe.quality.is_none() && may(Action::ApproveRecipeQuality),
        dialog,
        refusal: refusal.map(|refusal| format!("{} ({})", w.b(&refusal.said), refusal.rule)),
    };
    page(status, &content)
}

fn dialog(
    state: &AppState,
    session: &Session,
    (id, version): &(RecipeId, u32),
    recipe: &MasterRecipe,
    approval: Approval,
    shown_at: Timestamp,
) -> Result<Dialog, WebError> {
    let w = session.words();
    let person = &session.scope.person;
    let statement =
        Statement::of_recipe((id, *version, recipe.hash), person, shown_at, session.scope.language).hash()?;
    let (code, key) = match approval {
        Approval::Production => ("production", "approve-production"),
        Approval::Quality => ("quality", "approve-quality"),
    };
    Ok(Dialog {
        approval: code,
        meaning: w.t(key),
        signer: person.to_string(),
        statement: statement.to_string(),
        short: statement.short(),
        shown_at: shown_at.to_string(),
        shown: shown_at.shown_signed(),
        signature: state.desk.new_id("SIG"),
    })
}

/// Which approval is about to be signed.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    approval: Option<Approval>,
}

/// One recipe; with `approval` the dialog of that approval.
pub(crate) async fn show(
    State(state): State<AppState>,
    session: Session,
    At(key): At<(RecipeId, u32)>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, WebError> {
    let now = state.desk.now();
    recipe_page(&state, &session, &key, wanted.approval.map(|approval| (approval, now)), None)
}

/// What the dialog sends.
#[derive(Deserialize)]
pub(crate) struct Signing {
    approval: Approval,
    password: String,
    statement: String,
    shown_at: String,
    signature: String,
}

/// Approves a recipe.
pub(crate) async fn approve(
    State(state): State<AppState>,
    session: Session,
    At(key): At<(RecipeId, u32)>,
    Filled(sent): Filled<Signing>,
) -> Result<Response, WebError> {
    let shown_at: Timestamp = form::id(&sent.shown_at)?;
    let (person, client) = (session.scope.person.clone(), session.visit.client.clone());
    let outcome = match state.desk.check_credential(person, sent.password, client).await {
        Ok(reauth) => {
            let command = Command::ApproveRecipe {
                recipe: key.0.clone(),
                version: key.1,
                approval: sent.approval,
                statement: form::id(&sent.statement)?,
                shown_at,
                language: session.scope.language,
                signature: form::id(&sent.signature)?,
            };
            state.desk.act(Act { scope: session.scope.clone(), signer: Some(reauth), command }).await
        }
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(_) => Ok(Redirect::to(&format!("/recipes/{}/{}", key.0, key.1)).into_response()),
        Err(refusal) => recipe_page(&state, &session, &key, Some((sent.approval, shown_at)), Some(refusal)),
    }
}
