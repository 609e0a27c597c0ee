//! Brings the official OPC UA nodesets that the simulated bioreactor is built on into the build, with their licence.
//!
//! They come from the npm package of the lock file and are embedded as they are.

use std::{
    env,
    path::{Path, PathBuf},
};

#[path = "../hmi/web/packages.rs"]
mod packages;

/// What is embedded: name, path within `node_modules`.
const FILES: [(&str, &str); 5] = [
    ("di.xml", "node-opcua-nodesets/nodesets/Opc.Ua.Di.NodeSet2.xml"),
    ("amb.xml", "node-opcua-nodesets/nodesets/Opc.Ua.AMB.NodeSet2.xml"),
    ("machinery.xml", "node-opcua-nodesets/nodesets/Opc.Ua.Machinery.NodeSet2.xml"),
    ("lads.xml", "node-opcua-nodesets/nodesets/Opc.Ua.LADS.NodeSet2.xml"),
    ("nodesets-licence.txt", "node-opcua-nodesets/LICENSE"),
];

fn main() {
    for watched in ["build.rs", "../hmi/web/packages.rs", "../hmi/web/package-lock.json"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    println!("cargo::rerun-if-env-changed=MES_WEB_DIST");
    if let Err(said) = embed() {
        println!("cargo::error={said}");
    }
}

fn embed() -> Result<(), String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: this is a build script of cargo")?);
    let from = packages::folder(Path::new("../hmi/web"), &out)?;
    FILES.iter().try_for_each(|(name, path)| packages::bring(&from, path, &out, name))
}
