//! Brings the two browser packages into the build, from the lock file or from a folder that already holds them.
//!
//! It transforms nothing: the packages' own minified files are embedded as they are, and so are our scripts.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

#[path = "web/packages.rs"]
mod packages;

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
    let from = packages::folder(Path::new("web"), &out)?;
    let mut rust = String::from(
        "/// Name and content of each embedded package file.\npub(crate) const PACKAGES: &[(&str, &[u8])] = &[\n",
    );
    for (name, path) in FILES {
        packages::bring(&from, path, &out, name)?;
        rust.push_str(&format!("    ({name:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\"))),\n"));
    }
    rust.push_str("];\n");
    fs::write(out.join("packages.rs"), rust).map_err(|error| format!("packages.rs cannot be written: {error}"))
}
