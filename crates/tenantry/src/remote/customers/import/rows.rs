//! The rows of a file: CSV with a header, or a JSON object on each line.

use super::columns::{Column, Columns, shortened, value};
use crate::remote::cells::from_spreadsheet;
use crate::remote::customers::fields::set;
use csv::{ByteRecord, ReaderBuilder};
use domain::Json;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The longest row, in bytes: more than a server takes. Also what a quote that is never closed can take of memory.
const MAX_ROW: usize = 4 << 20;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// With this between its columns.
    Csv(u8),
    Jsonl,
}

/// A row of a file.
#[derive(Debug)]
pub(super) struct Row {
    /// The line that it begins on, from 1.
    pub(super) line: u64,
    /// The fields that it gives, as the API takes them.
    pub(super) payload: Value,
    pub(super) id: Option<i64>,
    pub(super) external_id: Option<String>,
    /// What became of it in an import before.
    pub(super) result: Option<String>,
    /// What is wrong with it already: columns from 0, and messages.
    pub(super) wrong: Vec<(Option<usize>, String)>,
    /// What it was written as, for the result file.
    pub(super) source: Source,
}

#[derive(Debug)]
pub(super) enum Source {
    Cells(Vec<String>),
    Object(Value),
}

/// Reads rows one by one.
pub(super) struct Rows {
    reader: Reader,
    /// Of CSV.
    pub(super) columns: Option<Arc<Columns>>,
}

enum Reader {
    Csv(Box<csv::Reader<Bounded<File>>>, Arc<AtomicUsize>),
    Jsonl(BufReader<File>, u64),
}

/// Gives out no more bytes than a row may have, until it is told that a row has ended.
struct Bounded<R> {
    inner: R,
    since_row: Arc<AtomicUsize>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.since_row.load(Ordering::Relaxed) > MAX_ROW {
            return Err(std::io::Error::other("the row has more than 4 MiB; is a quote not closed?"));
        }
        let read = self.inner.read(buffer)?;
        self.since_row.fetch_add(read, Ordering::Relaxed);
        Ok(read)
    }
}

/// What the beginning of a file says about it: its form and where its text begins.
pub(super) fn sniff(
    file: &mut File,
    named: &str,
    delimiter: Option<u8>,
) -> std::io::Result<Result<(Form, u64), String>> {
    let mut head = vec![0; 64 * 1024];
    let mut length = 0;
    loop {
        let read = file.read(&mut head[length..])?;
        length += read;
        if read == 0 || length == head.len() {
            break;
        }
    }
    let head = &head[..length];
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return Ok(Err("it is UTF-16, as Excel's \"Unicode Text\" is: save it as \"CSV UTF-8\"".to_owned()));
    }
    if head.contains(&0) {
        return Ok(Err("it is not text: save a spreadsheet as \"CSV UTF-8\" first".to_owned()));
    }
    if head.starts_with(b"PK\x03\x04") {
        return Ok(Err("it is a spreadsheet or an archive: save it as \"CSV UTF-8\" first".to_owned()));
    }
    let start = if head.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
    let text = &head[start..];
    let Some(first) = text.iter().find(|byte| !byte.is_ascii_whitespace()) else {
        return Ok(Err("it is empty".to_owned()));
    };
    let is_jsonl = named.ends_with(".jsonl") || named.ends_with(".ndjson") || *first == b'{';
    if is_jsonl {
        return Ok(Ok((Form::Jsonl, start as u64)));
    }
    if *first == b'[' {
        return Ok(Err("it is a JSON list: write one object on each line (`jq -c '.[]'`)".to_owned()));
    }
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |byte: u8| line.iter().filter(|found| **found == byte).count();
    let others = [(b';', "';'"), (b'\t', "tab"), (b'|', "'|'")];
    let other = others.iter().find(|(other, _)| count(*other) > 0).filter(|_| count(b',') == 0);
    if let (None, Some((_, shown))) = (delimiter, other) {
        return Ok(Err(format!("its columns are not divided by commas: repeat with --delimiter {shown}")));
    }
    Ok(Ok((Form::Csv(delimiter.unwrap_or(b',')), start as u64)))
}

impl Rows {
    /// # Errors
    /// What is wrong with the header.
    pub(super) fn open(
        mut file: File,
        form: Form,
        start: u64,
        map: &[(String, String)],
        ignored: &[String],
    ) -> Result<Self, Vec<String>> {
        let unreadable = |e: &dyn std::fmt::Display| vec![format!("line 1: {e}")];
        file.seek(SeekFrom::Start(start)).map_err(|e| unreadable(&e))?;
        let Form::Csv(delimiter) = form else {
            return Ok(Rows { reader: Reader::Jsonl(BufReader::new(file), 0), columns: None });
        };
        let since_row = Arc::new(AtomicUsize::new(0));
        let bounded = Bounded { inner: file, since_row: Arc::clone(&since_row) };
        let mut reader =
            ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(bounded);
        let mut header = ByteRecord::new();
        reader.read_byte_record(&mut header).map_err(|e| unreadable(&e))?;
        let (titles, wrong) = texts(&header);
        if let Some((column, message)) = wrong.first() {
            return Err(vec![format!("line 1, column {}: {message}", column + 1)]);
        }
        let columns = Columns::of(titles, map, ignored)?;
        Ok(Rows { reader: Reader::Csv(Box::new(reader), since_row), columns: Some(Arc::new(columns)) })
    }
}

impl Iterator for Rows {
    /// A row, or what keeps the file from being read further.
    type Item = Result<Row, String>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.reader {
            Reader::Csv(reader, since_row) => {
                let columns = self.columns.as_ref()?;
                loop {
                    let mut record = ByteRecord::new();
                    since_row.store(0, Ordering::Relaxed);
                    match reader.read_byte_record(&mut record) {
                        Ok(true) => {}
                        Ok(false) => return None,
                        Err(error) => {
                            let line = reader.position().line();
                            let why = match error.into_kind() {
                                csv::ErrorKind::Io(error) => error.to_string(),
                                other => format!("{other:?}"),
                            };
                            return Some(Err(format!("line {line}: {why}")));
                        }
                    }
                    // What spreadsheets leave behind at the end.
                    if record.iter().any(|cell| !cell.is_empty()) {
                        return Some(Ok(of_record(&record, columns)));
                    }
                }
            }
            Reader::Jsonl(reader, line) => loop {
                let mut text = Vec::new();
                let read = reader.take(MAX_ROW as u64).read_until(b'\n', &mut text);
                *line += 1;
                match read {
                    Ok(0) => return None,
                    Ok(_) if text.iter().all(u8::is_ascii_whitespace) => {}
                    Ok(MAX_ROW) if !text.ends_with(b"\n") => {
                        return Some(Err(format!("line {line}: the row has more than 4 MiB")));
                    }
                    Ok(_) => return Some(Ok(of_json(&text, *line))),
                    Err(error) => return Some(Err(format!("line {line}: {error}"))),
                }
            },
        }
    }
}

/// The cells as text, and what is wrong with those that are none.
fn texts(record: &ByteRecord) -> (Vec<String>, Vec<(usize, String)>) {
    let mut wrong = Vec::new();
    let cells = record.iter().enumerate().map(|(i, cell)| match std::str::from_utf8(cell) {
        Ok(text) => from_spreadsheet(text).to_owned(),
        Err(_) => {
            wrong.push((i, NOT_UTF8.to_owned()));
            String::from_utf8_lossy(cell).into_owned()
        }
    });
    (cells.collect(), wrong)
}

const NOT_UTF8: &str = "is not UTF-8, perhaps Windows-1252: save the file as \"CSV UTF-8\", or convert it with \
                        `iconv -f WINDOWS-1252 -t UTF-8`";

fn of_record(record: &ByteRecord, columns: &Columns) -> Row {
    let line = record.position().map_or(0, csv::Position::line);
    let (cells, wrong) = texts(record);
    let mut row = Row {
        line,
        payload: json!({}),
        id: None,
        external_id: None,
        result: None,
        wrong: wrong.into_iter().map(|(column, message)| (Some(column), message)).collect(),
        source: Source::Cells(Vec::new()),
    };
    let (given, expected) = (cells.len(), columns.titles.len());
    if given != expected {
        row.wrong.push((None, format!(
            "has {given} columns, and the header has {expected}; a text with a comma in it must be in quotes"
        )));
        row.source = Source::Cells(cells);
        return row;
    }
    let mut tags = Vec::new();
    for (i, (cell, column)) in
        cells.iter().zip(&columns.columns).enumerate().filter(|(_, (cell, _))| !cell.trim().is_empty())
    {
        match column {
            Column::Field(field) => match value(field, cell) {
                Ok(Value::Array(these)) if *field == "tags" => tags.extend(these),
                Ok(value) => set(&mut row.payload, field, value),
                Err(message) => row.wrong.push((Some(i), message)),
            },
            Column::Tag(key) => tags.push(json!({"key": key, "value": cell.trim()})),
            Column::Id => row.take_id(Some(i), &json!(cell.trim())),
            Column::ExternalId => row.external_id = Some(cell.trim().to_owned()),
            Column::Result => row.result = Some(cell.trim().to_owned()),
            Column::Ignored => {}
        }
    }
    if !tags.is_empty() {
        row.payload["tags"] = tags.into();
    }
    row.source = Source::Cells(cells);
    row
}

fn of_json(text: &[u8], line: u64) -> Row {
    let mut row = Row {
        line,
        payload: json!({}),
        id: None,
        external_id: None,
        result: None,
        wrong: Vec::new(),
        source: Source::Object(json!({})),
    };
    let object = match Json::parse(text).map(|json| json.to_value()) {
        Ok(object @ Value::Object(_)) => object,
        Ok(_) => {
            row.wrong.push((None, "must be a JSON object such as {\"name\": \"Acme Corp\"}".to_owned()));
            return row;
        }
        Err(violations) => {
            for violation in &violations {
                // The line is the file's.
                let message = match violation.column {
                    Some(column) => format!("column {column}: {}", violation.message),
                    None => violation.sentence(),
                };
                row.wrong.push((None, message));
            }
            return row;
        }
    };
    for (field, value) in object.as_object().into_iter().flatten() {
        match field.as_str() {
            "id" if value.is_null() => {}
            "id" => row.take_id(None, value),
            "generated_external_id" => row.external_id = value.as_str().map(str::to_owned),
            "result" => row.result = value.as_str().map(str::to_owned),
            "error" | "created_at" | "updated_at" | "billing_configuration" | "_links" => {}
            // Answers have both names of it.
            "trial_expiration" if object.get("trial_expiration_date") == Some(value) => {}
            field => row.payload[field] = value.clone(),
        }
    }
    row.source = Source::Object(object);
    row
}

impl Row {
    fn take_id(&mut self, column: Option<usize>, value: &Value) {
        let id = value.as_i64().or_else(|| value.as_str()?.parse().ok()).filter(|id| *id > 0);
        if id.is_none() {
            let shown = shortened(&value.to_string());
            self.wrong.push((column, format!("the id must be a number such as 3947, not {shown}")));
        }
        self.id = id;
    }
}
