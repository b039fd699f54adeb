//! What is written about metrics is what the code has, and the alerts and the dashboard use nothing else.

use crate::support::{Database, Engine, Server};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Every file of Rust below a folder.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

/// Names of metrics in a text: words that begin so.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_metric = |word: &&str| word.starts_with("tenantry_") || word.starts_with("http_request");
    words.filter(is_metric).map(str::to_owned).collect()
}

/// Metrics that the code raises.
fn raised() -> BTreeSet<String> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        sources(&entry.unwrap().path().join("src"), &mut texts);
    }
    let mut found = BTreeSet::new();
    for text in texts {
        for part in text.split(['"']).filter(|part| part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        {
            let ends = ["_total", "_seconds", "_info", "_up"].iter().any(|end| part.ends_with(end));
            if (part.starts_with("tenantry_") || part.starts_with("http_request"))
                && (ends || text.contains(&format!("gauge!(\"{part}\"")))
            {
                found.insert(part.to_owned());
            }
        }
    }
    found
}

#[test]
fn every_metric_is_documented_and_none_besides() {
    let documented: BTreeSet<String> = read("docs/monitoring.md")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| names(line.split(" | ").next().unwrap()))
        .collect();
    let raised = raised();
    assert!(raised.len() > 25, "{raised:?}");
    let missing: Vec<_> = raised.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&raised).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not in docs/monitoring.md: {missing:?}; not in the code: {gone:?}"
    );
}

/// The messages of events at `info` and above in a source file; `…` stands for what is put in.
fn messages(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for event in source.split("tracing::").skip(1) {
        let Some(rest) = ["info!(", "warn!(", "error!("].iter().find_map(|level| event.strip_prefix(level))
        else {
            continue;
        };
        // The message is the first literal that is not the value of a field.
        let mut rest = rest;
        while let Some((before, after)) = rest.split_once('"') {
            let mut end = 0;
            while after[end..].starts_with(|c| c != '"') {
                end += if after[end..].starts_with('\\') {
                    2
                } else {
                    after[end..].chars().next().unwrap().len_utf8()
                };
            }
            let (literal, tail) = after.split_at(end);
            if before.trim_end().is_empty() || before.trim_end().ends_with(',') {
                let lines: Vec<&str> = literal.split("\\\n").collect();
                let joined = lines.iter().enumerate();
                let joined = joined.map(|(at, line)| if at == 0 { line } else { line.trim_start() });
                found.insert(without_values(&joined.collect::<String>()));
                break;
            }
            rest = &tail[1..];
        }
    }
    found
}

/// A message with `…` for each value that is put in.
fn without_values(message: &str) -> String {
    let mut parts = message.split('{');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + "…" + part.split_once('}').unwrap().1)
}

#[test]
fn every_log_event_is_documented_and_none_besides() {
    let page = read("docs/log-events.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeSet<String> = rows.map(|row| row.split("` | ").next().unwrap().to_owned()).collect();
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        sources(&entry.unwrap().path().join("src"), &mut texts);
    }
    let written: BTreeSet<String> = texts.iter().flat_map(|text| messages(text)).collect();
    assert!(written.len() > 90, "{written:?}");
    let missing: Vec<_> = written.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&written).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not in docs/log-events.md: {missing:#?}; not in the code: {gone:#?}"
    );
}

/// A histogram has series of its name and an ending.
fn without_endings(name: &str) -> String {
    let ending =
        ["_bucket", "_count", "_sum"].into_iter().find(|end| name.ends_with(&format!("_seconds{end}")));
    ending.map_or(name, |ending| name.strip_suffix(ending).unwrap()).to_owned()
}

#[test]
fn what_increases_are_alerted_of_is_counted_from_the_start() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &[]);
    let metrics = server.admin().get("/metrics").text();
    let alerts = read("docs/monitoring/alerts.yaml");
    let increasing: Vec<&str> =
        alerts.split("increase(").skip(1).map(|rest| rest.split(['[', '{']).next().unwrap()).collect();
    assert!(increasing.len() > 3, "{increasing:?}");
    for name in increasing {
        let is_there = metrics.lines().any(|line| line.starts_with(name) && line.ends_with(" 0"));
        assert!(is_there, "{name} is not at 0 in {metrics}");
    }
}

#[test]
fn alerts_and_dashboard_use_metrics_that_there_are() {
    let raised = raised();
    let dashboard = read("docs/monitoring/dashboard.json");
    let parsed: Value = serde_json::from_str(&dashboard).unwrap();
    assert!(parsed["panels"].as_array().unwrap().len() > 10);
    for (what, text) in [("alerts", read("docs/monitoring/alerts.yaml")), ("dashboard", dashboard)] {
        let used: BTreeSet<String> = names(&text).iter().map(|name| without_endings(name)).collect();
        assert!(used.len() > 8, "{what}: {used:?}");
        let unknown: Vec<_> = used.difference(&raised).collect();
        assert!(unknown.is_empty(), "{what}: {unknown:?}");
    }
}

#[test]
fn prometheus_takes_the_alerts_and_the_metrics() {
    let promtool = |args: &[&str], stdin: Option<String>| {
        let mut command = Command::new("promtool");
        command.args(args).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.stderr(std::process::Stdio::piped()).spawn().ok()?;
        std::io::Write::write_all(&mut child.stdin.take()?, stdin.unwrap_or_default().as_bytes()).ok()?;
        child.wait_with_output().ok()
    };
    let rules = root().join("docs/monitoring/alerts.yaml");
    let Some(checked) = promtool(&["check", "rules", rules.to_str().unwrap()], None) else {
        eprintln!("SKIPPED: there is no promtool (Debian's package prometheus)");
        return;
    };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &[]);
    let metrics = server.admin().get("/metrics").text();
    let checked = promtool(&["check", "metrics"], Some(metrics)).unwrap();
    // Status 3: there is something to improve, such as a missing HELP.
    assert!(matches!(checked.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&checked.stderr));
}
