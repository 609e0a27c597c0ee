//! What commands ask the person at the keyboard, and how they say the answer. Passwords are never arguments.

use std::{
    io::{BufRead, IsTerminal},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use mes_core::id::PersonId;

use crate::{
    admin::{self, Answer, Call, Login},
    config::Config,
};

/// Reads the configuration file.
pub(super) fn config(path: &Path) -> anyhow::Result<Config> {
    Config::load(path).with_context(|| "no usable configuration; give one with --config FILE".to_owned())
}

/// Asks for a person's password: at the terminal without showing it, or as the next line of standard input.
pub(super) fn ask_login(person: PersonId) -> anyhow::Result<Login> {
    let password = ask(&format!("Password of {person}: "))?;
    Ok(Login { person, password })
}

/// Asks for a new password, twice at a terminal.
pub(super) fn ask_new_login(person: PersonId) -> anyhow::Result<Login> {
    let password = ask(&format!("New password of {person}: "))?;
    if std::io::stdin().is_terminal() && ask("The same again: ")? != password {
        anyhow::bail!("the two passwords differ; nothing was changed");
    }
    Ok(Login { person, password })
}

/// Asks for a secret: at the terminal without showing it, or as the next line of standard input.
pub(super) fn ask(prompt: &str) -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt).context("the password could not be read");
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("the password could not be read from standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Makes a call and says its answer.
pub(super) async fn call(config: Config, made: Call) -> anyhow::Result<ExitCode> {
    match admin::call(config, made).await? {
        Answer::Said(said) => {
            println!("{said}");
            Ok(ExitCode::SUCCESS)
        }
        Answer::Refused(said) => anyhow::bail!(said),
    }
}
