//! What is read: JSON from files, and lines from standard input.

use super::exit::wrong_input;
use anyhow::Context;
use domain::Json;
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;

/// The largest body that a server takes, in bytes.
pub(crate) const MAX_BODY: u64 = 1 << 20;

/// The bytes of a file, or of standard input for `-`, up to what a server takes.
pub(crate) fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let unreadable = || format!("cannot read {}", name(path));
    if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_BODY + 1).read_to_end(&mut bytes).with_context(unreadable)?;
    } else {
        let file =
            std::fs::File::open(path).map_err(|e| wrong_input(format!("cannot read {}: {e}", name(path))))?;
        file.take(MAX_BODY + 1).read_to_end(&mut bytes).with_context(unreadable)?;
    }
    if bytes.len() as u64 > MAX_BODY {
        return Err(wrong_input(format!("{} has more than 1 MiB, which no server takes", name(path))));
    }
    Ok(bytes)
}

/// A secret in a file, or on standard input for `-`: its first line.
pub(crate) fn secret(path: &Path) -> anyhow::Result<String> {
    let text =
        String::from_utf8(bytes(path)?).map_err(|_| wrong_input(format!("{} is not UTF-8", name(path))))?;
    match text.lines().next().map(str::trim).unwrap_or_default() {
        "" => Err(wrong_input(format!("{} is empty", name(path)))),
        secret => Ok(secret.to_owned()),
    }
}

/// What a path is called in messages.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// A JSON object in a file, or on standard input for `-`.
pub(crate) fn object(path: &Path) -> anyhow::Result<Value> {
    let json = Json::parse(&bytes(path)?)
        .map_err(|violations| wrong_input(format!("{}: {}", name(path), sentences(&violations))))?;
    match json.to_value() {
        object @ Value::Object(_) => Ok(object),
        _ => Err(wrong_input(format!("{} must hold a JSON object", name(path)))),
    }
}

pub(crate) fn sentences(violations: &domain::Violations) -> String {
    violations.iter().map(domain::Violation::sentence).collect::<Vec<_>>().join("; ")
}

/// The ids that were given; for `-`, those on standard input, divided by white space.
pub(crate) fn ids(given: &[String]) -> anyhow::Result<Vec<i64>> {
    let mut texts = Vec::new();
    for text in given {
        if text == "-" {
            let bytes = bytes(Path::new("-"))?;
            let read = String::from_utf8(bytes).map_err(|_| wrong_input("standard input is not UTF-8"))?;
            texts.extend(read.split_whitespace().map(str::to_owned));
        } else {
            texts.push(text.clone());
        }
    }
    texts.iter().map(|text| id(text)).collect()
}

/// An id, such as `3947`.
pub(crate) fn id(text: &str) -> anyhow::Result<i64> {
    match text.parse() {
        Ok(id) if id > 0 => Ok(id),
        _ => Err(wrong_input(format!("{text:?} is not an id, which is a number such as 3947"))),
    }
}

/// What `--rate EUR/USD=1.0821` is in a request.
pub(crate) fn currency_rate(text: &str) -> anyhow::Result<Value> {
    let parts = text.split_once('=').and_then(|(pair, rate)| Some((pair.split_once('/')?, rate)));
    let wrong =
        || wrong_input(format!("--rate must be FROM/TO=RATE, such as EUR/USD=1.0821, and not {text:?}"));
    let ((from, to), rate) = parts.ok_or_else(wrong)?;
    Ok(json!({"from": from, "to": to, "rate": rate}))
}

/// What `--expect USD=12345.67` is in a request.
pub(crate) fn expected_total(text: &str) -> anyhow::Result<Value> {
    let wrong =
        || wrong_input(format!("--expect must be CURRENCY=AMOUNT, such as USD=12345.67, and not {text:?}"));
    let (currency, amount) = text.split_once('=').ok_or_else(wrong)?;
    Ok(json!({"currency": currency, "amount": amount}))
}

/// Asks whether to go on, where a person can answer; a script has said what it wants.
pub(crate) fn confirmed(question: &str, yes: bool) -> anyhow::Result<bool> {
    use std::io::IsTerminal;
    if yes || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(true);
    }
    eprint!("{question} [y/N] ");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(["y", "yes"].contains(&line.trim().to_ascii_lowercase().as_str()))
}

/// Asks before something that cannot be undone, and fails unless the answer is yes; without a terminal nobody could answer.
pub(crate) fn insisted(question: &str, yes: bool) -> anyhow::Result<()> {
    use std::io::IsTerminal;
    if !yes && (!std::io::stdin().is_terminal() || !std::io::stderr().is_terminal()) {
        return Err(wrong_input(format!("{question} There is no terminal to ask on: say --yes")));
    }
    if confirmed(question, yes)? { Ok(()) } else { Err(wrong_input("nothing was changed")) }
}
