//! Every sentence by which a driver explains a link, a write or a quality has its Japanese: the sources are read for them.
//!
//! It looks at literals with a space in them, in the files whose words reach people. What is no sentence for people is named below;
//! that list may only shrink.

use std::{fs, path::Path};

use mes_core::engine::cause_words;

/// Files whose words become causes, reasons or qualities.
const FILES: [&str; 18] = [
    "driver.rs",
    "link.rs",
    "supervisor.rs",
    "tag.rs",
    "write.rs",
    "modbus/bus.rs",
    "modbus/client.rs",
    "modbus/codec.rs",
    "modbus/wire.rs",
    "opcua/chain.rs",
    "opcua/client.rs",
    "opcua/method.rs",
    "opcua/resolve.rs",
    "opcua/security.rs",
    "opcua/session.rs",
    "opcua/subscribe.rs",
    "opcua/trust.rs",
    "opcua/value.rs",
];

/// What joins sentences and values, what is a part of a sentence that has its Japanese as a whole, and what only the command line says.
const OTHERS: [&str; 22] = [
    "Q: Q",
    "Q, Q",
    "Q (Q)",
    " (Q)",
    ", ",
    " or ",
    "\", \"",
    "Q to Q",
    "from Q",
    "up to Q",
    "Q Q lies outside the range Q Q of Q",
    "Q (argument Q: Q)",
    " or the password",
    "signed and encrypted",
    "signed, not encrypted",
    "not signed, not encrypted",
    "the certificate",
    "what the device sent as its certificate",
    "Q is not a DER certificate",
    "this is not a DER revocation list (CRL, version 2, with the time of the next one)",
    "a newer revocation list (CRL) of this issuer, of Q, is in force",
    "no certificate with the thumbprint Q is waiting for approval",
];

/// Whether there is any Japanese in it.
fn is_japanese(text: &str) -> bool {
    text.chars().any(|one| matches!(one, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}'))
}

/// The text literals of a source up to its tests, as they are at run time, with `Q` for what is filled in.
fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap();
    let code: Vec<&str> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let (mut found, mut statement, mut rest) = (Vec::new(), String::new(), code.as_str());
    while let Some(one) = rest.chars().next() {
        rest = &rest[one.len_utf8()..];
        match one {
            '"' if !statement.ends_with('\'') => {
                let (text, after) = literal(rest);
                rest = after;
                // What goes to the log only, and why a lint is expected not to hold.
                if !["tracing::", "#[expect", "#[serde"].iter().any(|mark| statement.contains(mark)) {
                    found.push(text);
                }
            }
            ';' | '{' | '}' => statement.clear(),
            other => statement.push(other),
        }
    }
    found
}

/// One literal from its first character, and what follows it.
fn literal(from: &str) -> (String, &str) {
    let (mut text, mut chars) = (String::new(), from.char_indices());
    while let Some((at, one)) = chars.next() {
        match one {
            '"' => return (text, &from[at + 1..]),
            '\\' => match chars.next() {
                Some((at, '\n')) => {
                    // The line goes on after the blanks of the next one.
                    let blanks = from[at + 1..].chars().take_while(|next| next.is_whitespace()).count();
                    for _ in 0..blanks {
                        chars.next();
                    }
                }
                Some((_, escaped)) => text.push(escaped),
                None => {}
            },
            '{' => {
                chars.by_ref().find(|(_, next)| *next == '}');
                text.push('Q');
            }
            other => text.push(other),
        }
    }
    (text, "")
}

#[test]
fn every_sentence_of_a_driver_has_its_japanese() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut seen, mut missing) = (0, Vec::new());
    for file in FILES {
        let source = fs::read_to_string(sources.join(file)).unwrap();
        for text in literals(&source).into_iter().filter(|text| text.contains(' ') && !OTHERS.contains(&text.as_str()))
        {
            seen += 1;
            // The name of a step stands before what went wrong in it.
            let step = format!("{text}: Q");
            if !is_japanese(&cause_words(&text).ja) && !is_japanese(&cause_words(&step).ja) {
                missing.push(format!("{file}: {text}"));
            }
        }
    }
    assert!(missing.is_empty(), "give these their Japanese in mes-core/src/engine/cause.rs:\n{}", missing.join("\n"));
    assert!(seen > 90, "{seen} sentences were found: does this test still see them?");
}

#[test]
fn what_is_made_of_parts_has_its_japanese_as_a_whole() {
    for said in [
        "50 °C lies outside the range 4 to 45 °C of BR-01/temperature_setpoint",
        "50 °C lies outside the range up to 45 °C of BR-01/temperature_setpoint",
        "1 °C lies outside the range from 4 °C of BR-01/temperature_setpoint",
        "connected to opc.tcp://h:1/ (Basic256Sha256, signed, not encrypted, by exception: old firmware)",
        "the device refuses user \"mes\" or the password (BadUserAccessDenied); correct the credentials",
        "the certificate of the device does not hold: it names \"a\", the device was reached at \"b\": CN=x (thumbprint 00ff)",
    ] {
        let words = cause_words(said).ja;
        let english =
            ["the ", "range", "signed", "refuses", "exception", "thumbprint"].iter().find(|en| words.contains(**en));
        assert!(is_japanese(&words) && english.is_none(), "{words}");
    }
}

#[test]
fn every_step_of_a_connection_has_its_japanese() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut steps = Vec::new();
    for file in FILES {
        let source = fs::read_to_string(sources.join(file)).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap().to_owned();
        let calls = source.split("LinkError::lost(\"").skip(1).chain(source.split("self.read(\"").skip(1));
        steps.extend(calls.filter_map(|call| call.split('"').next().map(str::to_owned)));
    }
    // The end of a pause is no cause that anybody is told.
    for step in steps.iter().filter(|step| *step != "pause") {
        let said = format!("{step}: BadTimeout");
        assert!(is_japanese(&cause_words(&said).ja), "{said}");
    }
    assert!(steps.len() > 20, "{steps:?}");
}
