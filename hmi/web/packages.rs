//! Finds the packages of the lock file for the build scripts of two crates: in a folder that already holds them, or in the
//! target folder, into which npm installs them once.
//!
//! It transforms nothing. It is part of no crate; `hmi/build.rs` and `equipment-drivers/build.rs` take it in by its path.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder above `node_modules`; `web` is the folder of `package.json` and the lock file.
pub(crate) fn folder(web: &Path, out: &Path) -> Result<PathBuf, String> {
    match env::var_os("MES_WEB_DIST") {
        Some(folder) => Ok(PathBuf::from(folder)),
        None => install(web, out),
    }
}

/// Copies a package's file to OUT_DIR under another name.
pub(crate) fn bring(packages: &Path, path: &str, out: &Path, name: &str) -> Result<(), String> {
    let from = packages.join("node_modules").join(path);
    let content = fs::read(&from).map_err(|error| {
        format!("{} cannot be read ({error}): MES_WEB_DIST must name a folder in which `npm ci` was run with hmi/web/package-lock.json", from.display())
    })?;
    fs::write(out.join(name), content)
        .map_err(|error| format!("{name} cannot be written to {}: {error}", out.display()))
}

/// Runs `npm ci` in the target folder, once per lock file.
fn install(web: &Path, out: &Path) -> Result<PathBuf, String> {
    let profile = out.ancestors().nth(3).ok_or("the target folder was not found above OUT_DIR")?;
    let folder = profile.join("web");
    let lock =
        fs::read(web.join("package-lock.json")).map_err(|error| format!("hmi/web/package-lock.json: {error}"))?;
    fs::create_dir_all(&folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    // Two build scripts may run at once; the second finds what the first has installed.
    let turn = profile.join("web.turn");
    let turn_failed = |error: std::io::Error| format!("{}: {error}", turn.display());
    let held = fs::File::create(&turn).map_err(turn_failed)?;
    held.lock().map_err(turn_failed)?;
    let done = folder.join("installed.lock");
    if fs::read(&done).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    for name in ["package.json", "package-lock.json"] {
        fs::copy(web.join(name), folder.join(name)).map_err(|error| format!("hmi/web/{name}: {error}"))?;
    }
    let ran = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .output();
    let both_ways = "install Node with npm so that the build can fetch the three locked packages, or set MES_WEB_DIST to a folder in which `npm ci` was run with hmi/web/package-lock.json";
    match ran {
        Ok(output) if output.status.success() => {
            fs::write(&done, lock).map_err(|error| format!("{}: {error}", done.display()))?;
            Ok(folder)
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("npm ci failed ({}): {both_ways}", said.lines().last().unwrap_or_default()))
        }
        Err(error) => Err(format!("npm did not start ({error}): {both_ways}")),
    }
}
