//! The configuration file: its keys and values, and where each stands.

use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where the file is looked for, where none is named.
const PLACES: [&str; 2] = ["tenantry.toml", "/etc/tenantry/tenantry.toml"];
/// In place of a path: no file.
const NONE: &str = "none";

/// A key of a section and its value.
pub(super) struct Entry {
    pub(super) section: String,
    pub(super) key: String,
    /// Values as a command line would have them; why it is none otherwise.
    pub(super) values: Result<Vec<String>, &'static str>,
    /// Byte where the key begins, and where the value does.
    pub(super) key_at: usize,
    pub(super) value_at: usize,
}

/// A configuration file that was read.
pub(super) struct File {
    pub(super) path: PathBuf,
    text: String,
    pub(super) entries: Vec<Entry>,
}

/// The file that is named, else the first that is there.
pub(super) fn find(named: Option<PathBuf>) -> Option<PathBuf> {
    match named {
        Some(path) if path.as_os_str() == NONE => None,
        Some(path) => Some(path),
        None => PLACES.iter().map(PathBuf::from).find(|path| path.exists()),
    }
}

impl File {
    /// Read and parse a file; every syntax error in it.
    pub(super) fn read(path: &Path) -> Result<Self, Vec<String>> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            vec![format!("cannot read the configuration file {}: {error}", path.display())]
        })?;
        let mut file = File { path: path.to_owned(), text, entries: Vec::new() };
        let (table, errors) = DeTable::parse_recoverable(&file.text);
        if !errors.is_empty() {
            let said = |error: &toml::de::Error| {
                let at = error.span().map_or(0, |span| span.start);
                format!("{}: {}", file.place(at), error.message().replace('\n', "; "))
            };
            return Err(errors.iter().map(said).collect());
        }
        let mut entries = Vec::new();
        let mut errors = Vec::new();
        for (name, section) in table.get_ref() {
            let DeValue::Table(section) = section.get_ref() else {
                let place = file.place(name.span().start);
                errors.push(format!(
                    "{place}: {} stands outside of a section such as [network]",
                    name.get_ref()
                ));
                continue;
            };
            for (key, value) in section {
                entries.push(Entry {
                    section: name.get_ref().to_string(),
                    key: key.get_ref().to_string(),
                    values: values(value),
                    key_at: key.span().start,
                    value_at: value.span().start,
                });
            }
        }
        entries.sort_by_key(|entry| entry.key_at);
        if !errors.is_empty() {
            return Err(errors);
        }
        file.entries = entries;
        Ok(file)
    }

    /// `tenantry.toml:LINE:COLUMN`, both from 1, of a byte.
    pub(super) fn place(&self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        format!("{}:{}:{column}", self.path.display(), self.line(at))
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(&self.text).matches('\n').count() + 1
    }
}

fn values(value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, &'static str> {
    match value.get_ref() {
        DeValue::Array(members) => members.iter().map(|member| scalar(member.get_ref())).collect(),
        other => Ok(vec![scalar(other)?]),
    }
}

fn scalar(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().replace('_', "")),
        DeValue::Integer(_) => Err("is a number that is not decimal"),
        DeValue::Float(number) => Ok(number.as_str().replace('_', "")),
        DeValue::Boolean(truth) => Ok(truth.to_string()),
        DeValue::Datetime(time) => Ok(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => Err("is neither a value nor a list of values"),
    }
}
