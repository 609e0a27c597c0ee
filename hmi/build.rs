//! Brings the two browser packages into the build, from the lock file or from a folder that already holds them.
//!
//! It transforms nothing: the packages' own minified files are embedded as they are, and so are our scripts.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What is embedded: name under which it is served, path within `node_modules`.
const FILES: [(&str, &str); 6] = [
    ("htmx.min.js", "htmx.org/dist/htmx.min.js"),
    ("hx-sse.min.js", "htmx.org/dist/ext/hx-sse.min.js"),
    ("htmx-licence.txt", "htmx.org/LICENSE"),
    ("uplot.min.js", "uplot/dist/uPlot.iife.min.js"),
    ("uplot.min.css", "uplot/dist/uPlot.min.css"),
    ("uplot-licence.txt", "uplot/LICENSE"),
];

fn main() {
    for watched in ["web", "locales", "templates", "build.rs"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    println!("cargo::rerun-if-env-changed=MES_WEB_DIST");
    if let Err(said) = embed() {
        println!("cargo::error={said}");
    }
}

fn embed() -> Result<(), String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: this is a build script of cargo")?);
    let packages = match env::var_os("MES_WEB_DIST") {
        Some(folder) => PathBuf::from(folder),
        None => install(&out)?,
    };
    let mut rust = String::from(
        "/// Name and content of each embedded package file.\npub(crate) const PACKAGES: &[(&str, &[u8])] = &[\n",
    );
    for (name, path) in FILES {
        let from = packages.join("node_modules").join(path);
        let content = fs::read(&from).map_err(|error| {
            format!("{} cannot be read ({error}): MES_WEB_DIST must name a folder in which `npm ci` was run with hmi/web/package-lock.json", from.display())
        })?;
        fs::write(out.join(name), content)
            .map_err(|error| format!("{name} cannot be written to {}: {error}", out.display()))?;
        rust.push_str(&format!("    ({name:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\"))),\n"));
    }
    rust.push_str("];\n");
    fs::write(out.join("packages.rs"), rust).map_err(|error| format!("packages.rs cannot be written: {error}"))
}

/// Runs `npm ci` in the target folder, once per lock file.
fn install(out: &Path) -> Result<PathBuf, String> {
    let profile = out.ancestors().nth(3).ok_or("the target folder was not found above OUT_DIR")?;
    let folder = profile.join("web");
    let lock = fs::read("web/package-lock.json").map_err(|error| format!("hmi/web/package-lock.json: {error}"))?;
    let done = folder.join("installed.lock");
    if fs::read(&done).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    fs::create_dir_all(&folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(Path::new("web").join(name), folder.join(name)).map_err(|error| format!("hmi/web/{name}: {error}"))?;
    }
    let ran = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .output();
    let both_ways = "install Node with npm so that the build can fetch the two locked browser packages, or set MES_WEB_DIST to a folder in which `npm ci` was run with hmi/web/package-lock.json";
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
