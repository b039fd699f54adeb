//! The result file: every row as it was, with its id and what became of it. It can be imported again.

use super::columns::{Column, Columns};
use super::rows::{Row, Source};
use super::send::Outcome;
use crate::remote::show::row as csv_row;
use anyhow::Context;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Written beside its place, and put there when it is whole.
pub(super) struct ResultFile {
    writer: BufWriter<File>,
    draft: PathBuf,
    path: PathBuf,
    columns: Option<Arc<Columns>>,
}

/// The columns that an import adds, unless they are there.
const ADDED: [&str; 3] = ["id", "result", "error"];

impl ResultFile {
    pub(super) fn create(path: &Path, columns: Option<Arc<Columns>>) -> anyhow::Result<Self> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(".part");
        let draft = PathBuf::from(draft);
        let file = File::create(&draft)
            .with_context(|| format!("cannot write the result to {}", draft.display()))?;
        let mut result = ResultFile { writer: BufWriter::new(file), draft, path: path.to_owned(), columns };
        if let Some(columns) = &result.columns {
            let titles = columns.titles.iter().cloned();
            let titles = csv_row(titles.chain(missing(columns).map(str::to_owned)));
            result.writer.write_all(titles.as_bytes())?;
        }
        Ok(result)
    }

    pub(super) fn write(&mut self, row: &Row, outcome: &Outcome) -> std::io::Result<()> {
        let id = outcome.id().or(row.id).map(|id| id.to_string()).unwrap_or_default();
        let error = match outcome {
            Outcome::Refused(why) => why.as_str(),
            _ => "",
        };
        let value = |title: &str| match title {
            "id" => id.clone(),
            "result" => outcome.word().to_owned(),
            _ => error.to_owned(),
        };
        let line = match (&row.source, &self.columns) {
            (Source::Cells(cells), Some(columns)) => {
                let kept =
                    cells.iter().zip(&columns.titles).zip(&columns.columns).map(|((cell, title), column)| {
                        match added(title, column) {
                            Some(title) => value(title),
                            None => cell.clone(),
                        }
                    });
                csv_row(kept.chain(missing(columns).map(value)))
            }
            (Source::Object(object), _) => {
                let mut object = object.clone();
                object["id"] = outcome.id().or(row.id).map_or(Value::Null, Value::from);
                object["result"] = json!(outcome.word());
                object["error"] = if error.is_empty() { Value::Null } else { json!(error) };
                format!("{object}\n")
            }
            // Rows of CSV have columns.
            (Source::Cells(_), None) => String::new(),
        };
        self.writer.write_all(line.as_bytes())
    }

    /// Puts the file in its place.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        let put = self.writer.flush().and_then(|()| {
            self.writer.get_ref().sync_all()?;
            std::fs::rename(&self.draft, &self.path)
        });
        put.with_context(|| format!("cannot write the result to {}", self.path.display()))
    }
}

/// The added column that this one is.
fn added(title: &str, column: &Column) -> Option<&'static str> {
    match column {
        Column::Id => Some("id"),
        Column::Result => Some("result"),
        Column::Ignored if title.trim().eq_ignore_ascii_case("error") => Some("error"),
        _ => None,
    }
}

fn missing(columns: &Columns) -> impl Iterator<Item = &'static str> {
    let there: Vec<&str> = columns
        .titles
        .iter()
        .zip(&columns.columns)
        .filter_map(|(title, column)| added(title, column))
        .collect();
    ADDED.into_iter().filter(move |title| !there.contains(title))
}
