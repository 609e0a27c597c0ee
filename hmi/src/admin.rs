//! What the command line asks of a facility, whether a server runs or not: one closed set of calls, over a local socket.
//!
//! A running server owns the database and answers on its socket. When none runs, the command takes the lock and answers itself. Either
//! way the calls go through the same commands and the same permissions as a page's.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use mes_core::{
    access::{AuthMethod, Reauth, Scope},
    clock::Timestamp,
    engine::{Act, Command, Input, Note},
    id::{BatchId, ChangeId, PersonId, TagId},
    quantity::Language,
    tenant::{ItemChange, decide::check, difference},
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

use crate::{app::App, config::Config, credentials, device_templates, packaging, samples, web::port::unwatched};

/// Longest call or answer on the socket, in bytes; a package is handed over as a file instead.
const LINE_BYTES_MAX: usize = 16 << 20;

/// A person with a password, as the command line asks for it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    /// Person.
    pub person: PersonId,
    /// Password; goes no further than the credential check.
    pub password: String,
}

/// What the command line can ask.
#[derive(Clone, Serialize, Deserialize)]
pub enum Call {
    /// What would change.
    PlanFacility {
        /// The file's text.
        yaml: String,
        /// Its name, for messages.
        file: String,
    },
    /// Propose the change; on an empty journal, propose and approve the first facility.
    ProposeFacility {
        /// The file's text.
        yaml: String,
        /// Its name, for messages.
        file: String,
        /// Who proposes.
        by: Login,
        /// Who approves; only for the first facility of an empty journal.
        approved_by: Option<Login>,
        /// Why.
        reason: Option<String>,
    },
    /// Approve a proposed change.
    ApproveFacility {
        /// Which.
        change: ChangeId,
        /// Who approves.
        by: Login,
    },
    /// Set a person's password.
    SetPassword {
        /// The administrator.
        by: Login,
        /// Whose.
        person: PersonId,
        /// The new password.
        password: String,
    },
    /// Write the evidence package of a batch.
    Export {
        /// Who.
        by: Login,
        /// Which batch.
        batch: BatchId,
        /// Where.
        out: PathBuf,
    },
    /// Write every sample of a tag and range into a file.
    ExportSamples {
        /// Who.
        by: Login,
        /// Which tag.
        tag: TagId,
        /// Start, inclusive.
        from: Timestamp,
        /// End, exclusive.
        until: Timestamp,
        /// `csv` or `parquet`.
        form: String,
        /// The file.
        out: PathBuf,
    },
}

/// The answer: text for the person, or a sentence that says what was wrong.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Done.
    Said(String),
    /// Not done.
    Refused(String),
}

/// Why a call could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The socket failed.
    #[error("speaking to the running server through {path}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The answer could not be read.
    #[error("the running server's answer could not be read; is it another version?")]
    Answer(#[source] serde_json::Error),
    /// The facility could not be opened.
    #[error(transparent)]
    Open(#[from] crate::app::AppError),
}

/// Makes a call: to the running server, or to the database itself when none runs.
pub async fn call(config: Config, call: Call) -> Result<Answer, CallError> {
    let path = config.socket();
    match UnixStream::connect(&path).await {
        Ok(stream) => over_socket(stream, &path, &call).await,
        Err(_) => {
            let app = App::open(config, crate::app::Start::default()).await?;
            let answer = answer(&app, call).await;
            app.stop().await;
            Ok(answer)
        }
    }
}

async fn over_socket(stream: UnixStream, path: &Path, call: &Call) -> Result<Answer, CallError> {
    let socket = |source| CallError::Socket { path: path.to_owned(), source };
    let mut line = serde_json::to_vec(call).map_err(CallError::Answer)?;
    line.push(b'\n');
    let (read, mut write) = stream.into_split();
    write.write_all(&line).await.map_err(socket)?;
    let mut said = String::new();
    BufReader::new(read).read_line(&mut said).await.map_err(socket)?;
    serde_json::from_str(&said).map_err(CallError::Answer)
}

/// Answers calls on the socket until the process ends.
pub async fn listen(app: Arc<App>) -> Result<(), CallError> {
    let path = app.config.socket();
    let socket = |source| CallError::Socket { path: path.clone(), source };
    // A socket left behind by a crash: the database lock says that no other server runs.
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(socket(error));
    }
    let listener = UnixListener::bind(&path).map_err(socket)?;
    restrict(&path).map_err(socket)?;
    loop {
        let (stream, _) = listener.accept().await.map_err(socket)?;
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            if let Err(error) = serve_one(&app, stream).await {
                tracing::warn!("a call on the local socket failed: {error}");
            }
        });
    }
}

fn restrict(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

async fn serve_one(app: &App, stream: UnixStream) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(tokio::io::AsyncReadExt::take(read, LINE_BYTES_MAX as u64));
    read.read_line(&mut line).await?;
    let answer = match serde_json::from_str(&line) {
        Ok(call) => answer(app, call).await,
        Err(error) => Answer::Refused(format!("the call could not be read: {error}")),
    };
    let mut out = serde_json::to_vec(&answer)?;
    out.push(b'\n');
    write.write_all(&out).await
}

/// Answers one call.
pub async fn answer(app: &App, call: Call) -> Answer {
    let result = match call {
        Call::PlanFacility { yaml, file } => plan(app, &yaml, &file),
        Call::ProposeFacility { yaml, file, by, approved_by, reason } => {
            propose(app, &yaml, &file, by, approved_by, reason).await
        }
        Call::ApproveFacility { change, by } => approve(app, change, by).await,
        Call::SetPassword { by, person, password } => set_password(app, by, person, password).await,
        Call::Export { by, batch, out } => export(app, by, batch, &out).await,
        Call::ExportSamples { by, tag, from, until, form, out } => {
            export_samples(app, by, &tag, from..until, &form, &out).await
        }
    };
    match result {
        Ok(said) => Answer::Said(said),
        Err(said) => Answer::Refused(said),
    }
}

/// The scope of a person at the command line.
pub fn command_line_scope(app: &App, person: &PersonId) -> Result<Scope, String> {
    let view = app.writer.view();
    let tenant = view.facility.people.get(person).and_then(|person| person.employer.clone());
    let session = crate::random::id("CLI").parse().map_err(|error: mes_core::id::IdError| error.to_string())?;
    Ok(Scope {
        person: person.clone(),
        tenant,
        terminal: None,
        session,
        auth: AuthMethod::CommandLine,
        client: "command line".to_owned(),
        language: Language::En,
    })
}

async fn log_in(app: &App, login: Login) -> Result<(Scope, Reauth), String> {
    let reauth = credentials::check(app, &login.person, login.password, "command line", AuthMethod::CommandLine)
        .await
        .map_err(|rejection| rejection.said.en)?;
    Ok((command_line_scope(app, &login.person)?, reauth))
}

async fn act(app: &App, scope: Scope, signer: Option<Reauth>, command: Command) -> Result<(), String> {
    match app.writer.decide(Input::Act(Box::new(Act { scope, signer, command }))).await {
        Some(Ok(_)) => Ok(()),
        Some(Err(rejection)) => Err(format!("refused by rule {}: {}", rejection.rule, rejection.said.en)),
        None => Err("the server is stopping; try again".to_owned()),
    }
}

fn changes(app: &App, yaml: &str, file: &str) -> Result<Vec<ItemChange>, String> {
    let items = device_templates::read_file(yaml).map_err(|error| format!("{file}: {error}"))?;
    let facility = Arc::clone(&app.writer.view().facility);
    device_templates::check(&facility, items.iter()).map_err(|said| format!("{file}: {said}"))?;
    let changes = difference(&facility, items);
    // What would be refused when it is proposed is said already when it is planned.
    if !changes.is_empty() {
        check(&facility, &changes).map_err(|rejection| format!("{file}: {}", rejection.said.en))?;
    }
    Ok(changes)
}

fn describe(changes: &[ItemChange]) -> String {
    let line = |change: &ItemChange| {
        let key = change.new.key();
        let sign = if change.old.is_some() { '~' } else { '+' };
        let mut said = format!("{sign} {} {}", key.kind, key.id);
        if let Some(old) = &change.old {
            let (old, new) = (serde_json::to_value(old), serde_json::to_value(&change.new));
            if let (Ok(old), Ok(new)) = (old, new) {
                said.push_str(&format!("\n    was {old}\n    now {new}"));
            }
        }
        said
    };
    changes.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn plan(app: &App, yaml: &str, file: &str) -> Result<String, String> {
    let changes = changes(app, yaml, file)?;
    if changes.is_empty() {
        return Ok("The facility in force is the one in the file; nothing would change.".to_owned());
    }
    Ok(format!("{}\n{} item(s) would change. Nothing was changed.", describe(&changes), changes.len()))
}

async fn propose(
    app: &App,
    yaml: &str,
    file: &str,
    by: Login,
    approved_by: Option<Login>,
    reason: Option<String>,
) -> Result<String, String> {
    let items = changes(app, yaml, file)?;
    if items.is_empty() {
        return Ok("The facility in force is the one in the file; nothing to propose.".to_owned());
    }
    let change: ChangeId =
        crate::random::id("CHG").parse().map_err(|error: mes_core::id::IdError| error.to_string())?;
    let count = items.len();
    if app.writer.view().facility.people.is_empty() {
        let Some(approver) = approved_by else {
            return Err("the journal is empty: the first facility needs a second person with --approved-by".to_owned());
        };
        first_facility(app, items, change, by, approver).await?;
        return Ok(format!("The first facility is in force: {count} items."));
    }
    let (scope, _) = log_in(app, by).await?;
    act(app, scope, None, Command::ProposeChange { change: change.clone(), items, text: reason }).await?;
    Ok(format!("Proposed as {change}: {count} item(s). A second person approves with: mes facility approve {change}"))
}

/// On an empty journal two people named in the file set their passwords and adopt it together.
pub async fn first_facility(
    app: &App,
    items: Vec<ItemChange>,
    change: ChangeId,
    by: Login,
    approver: Login,
) -> Result<(), String> {
    let note =
        Note::FirstFacility { items, change, proposed_by: by.person.clone(), approved_by: approver.person.clone() };
    credentials::acceptable(&by.password).map_err(|rejection| rejection.said.en)?;
    credentials::acceptable(&approver.password).map_err(|rejection| rejection.said.en)?;
    match app.writer.decide(Input::Note(note)).await {
        Some(Ok(_)) => {}
        Some(Err(rejection)) => return Err(format!("refused by rule {}: {}", rejection.rule, rejection.said.en)),
        None => return Err("the server is stopping; try again".to_owned()),
    }
    for login in [by, approver] {
        credentials::set(app, &login.person, login.password, None).await.map_err(|rejection| rejection.said.en)?;
    }
    Ok(())
}

async fn approve(app: &App, change: ChangeId, by: Login) -> Result<String, String> {
    let (scope, reauth) = log_in(app, by).await?;
    act(app, scope, Some(reauth), Command::ApproveChange { change: change.clone() }).await?;
    Ok(format!("{change} is in force."))
}

async fn set_password(app: &App, by: Login, person: PersonId, password: String) -> Result<String, String> {
    let (scope, _) = log_in(app, by).await?;
    let view = app.writer.view();
    if !view.facility.people.contains_key(&person) {
        return Err(format!("there is no person {person} in the facility; add the person with mes facility first"));
    }
    credentials::may_set(app, &view, &scope).map_err(|rejection| rejection.said.en)?;
    credentials::set(app, &person, password, Some(&scope.person)).await.map_err(|rejection| rejection.said.en)?;
    Ok(format!("The password of {person} was set."))
}

async fn export(app: &App, by: Login, batch: BatchId, out: &Path) -> Result<String, String> {
    let (scope, _) = log_in(app, by).await?;
    let package = packaging::package(app, &scope, &batch, unwatched()).await.map_err(|rejection| rejection.said.en)?;
    let file = out.join(format!("{batch}.zip"));
    let failed = |error: std::io::Error| format!("{} cannot be written: {error}", file.display());
    std::fs::create_dir_all(out).map_err(failed)?;
    std::fs::write(&file, package).map_err(failed)?;
    Ok(format!("Written: {}", file.display()))
}

async fn export_samples(
    app: &App,
    by: Login,
    tag: &TagId,
    range: Range<Timestamp>,
    form: &str,
    out: &Path,
) -> Result<String, String> {
    let (scope, _) = log_in(app, by).await?;
    let file = samples::export(app, &scope, tag, range, form.parse()?).await.map_err(|rejection| rejection.said.en)?;
    std::fs::write(out, file.bytes).map_err(|error| format!("{} cannot be written: {error}", out.display()))?;
    Ok(format!("Written: {}", out.display()))
}
