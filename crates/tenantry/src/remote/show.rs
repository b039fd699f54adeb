//! Objects on standard output: a table for people, JSON, CSV or a template for programs.

use super::args::{ListArgs, OutputArgs};
use super::cells::{at, for_spreadsheet, for_terminal, text};
use super::exit::wrong_input;
use crate::money::padded_in;
use crate::output;
use client::Pages;
use serde_json::Value;
use std::io::IsTerminal;

/// How one kind of object is shown.
pub(crate) struct View {
    /// What several are called: `customers`.
    pub(crate) noun: &'static str,
    /// The columns of the table: title and path.
    pub(crate) table: &'static [(&'static str, &'static str)],
    /// Every field, in the order of CSV.
    pub(crate) fields: &'static [&'static str],
}

/// The widest that a column of a table is shown on a terminal, if not all fit.
const MIN_WIDTH: usize = 8;

enum Mode {
    Table { widths: Option<Vec<usize>>, right: Vec<bool> },
    Json,
    Csv,
    Template(Vec<Part>),
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(String),
}

/// Prints the objects of a list, page by page.
pub(crate) struct Printer {
    view: &'static View,
    mode: Mode,
    printed: usize,
}

impl Printer {
    pub(crate) fn new(output: &OutputArgs, view: &'static View) -> anyhow::Result<Self> {
        let mode = match &output.format {
            Some(template) => Mode::Template(parse(template, view)?),
            None if output.json => Mode::Json,
            None if output.csv => Mode::Csv,
            None => Mode::Table { widths: None, right: Vec::new() },
        };
        Ok(Printer { view, mode, printed: 0 })
    }

    /// Prints some more objects.
    pub(crate) fn print(&mut self, objects: &[Value]) {
        let is_first = self.printed == 0;
        self.printed += objects.len();
        match &mut self.mode {
            Mode::Json => {
                for (i, object) in objects.iter().enumerate() {
                    let separator = if is_first && i == 0 { "[\n" } else { ",\n" };
                    let indented = format!("{object:#}").replace('\n', "\n  ");
                    output::print(format_args!("{separator}  {indented}"));
                }
            }
            Mode::Csv => {
                if is_first && !objects.is_empty() {
                    print_row(self.view.fields.iter().map(|field| (*field).to_owned()));
                }
                for object in objects {
                    print_row(self.view.fields.iter().map(|field| text(at(object, field))));
                }
            }
            Mode::Template(parts) => objects.iter().for_each(|object| println!("{}", filled(parts, object))),
            Mode::Table { widths, right } => {
                let rows: Vec<Vec<String>> = objects.iter().map(|object| cells(self.view, object)).collect();
                if rows.is_empty() {
                    return;
                }
                let titles: Vec<String> =
                    self.view.table.iter().map(|(title, _)| (*title).to_owned()).collect();
                let widths = widths.get_or_insert_with(|| {
                    *right = right_aligned(&rows);
                    let widths = measured(&titles, &rows);
                    print_table_row(&titles, &widths, right);
                    widths
                });
                rows.iter().for_each(|row| print_table_row(row, widths, right));
            }
        }
    }

    /// The end of the list.
    pub(crate) fn end(self) {
        match self.mode {
            Mode::Json if self.printed == 0 => println!("[]"),
            Mode::Json => println!("\n]"),
            Mode::Csv if self.printed == 0 => {
                print_row(self.view.fields.iter().map(|field| (*field).to_owned()));
            }
            Mode::Table { .. } if self.printed == 0 => eprintln!("There are no {}.", self.view.noun),
            _ => {}
        }
    }
}

/// Prints a whole list; stops early if whoever reads it has gone.
pub(crate) async fn list(
    pages: Pages,
    output: &OutputArgs,
    list: &ListArgs,
    view: &'static View,
) -> anyhow::Result<()> {
    let mut printer = Printer::new(output, view)?;
    let (mut pages, mut left) = (pages, list.limit.unwrap_or(usize::MAX));
    while left > 0 && !output::reader_has_gone() {
        let Some(page) = pages.next().await? else { break };
        let shown = page.get(..left).unwrap_or(&page);
        printer.print(shown);
        left -= shown.len();
    }
    printer.end();
    Ok(())
}

/// Prints one object: for people, a field on each line.
pub(crate) fn one(object: &Value, output: &OutputArgs, view: &'static View) -> anyhow::Result<()> {
    if output.json {
        println!("{object:#}");
    } else if output.csv || output.format.is_some() {
        let mut printer = Printer::new(output, view)?;
        printer.print(std::slice::from_ref(object));
        printer.end();
    } else {
        let mut lines = Vec::new();
        flatten("", object, &mut lines);
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        lines.iter().for_each(|(name, value)| println!("{name:width$}  {}", for_terminal(value)));
    }
    Ok(())
}

/// Every field with its path; links are for programs.
fn flatten(prefix: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(_) if name.starts_with('_') => {}
            Value::Object(_) => flatten(&path, value, lines),
            other => lines.push((path, text(other))),
        }
    }
}

/// Paths of amounts in the object's currency.
const AMOUNTS: [&str; 8] = [
    "total_amount",
    "charge",
    "charge_with_rule",
    "difference",
    "cost",
    "earned_credit",
    "profit",
    "previous.profit",
];

fn cells(view: &View, object: &Value) -> Vec<String> {
    let currency = object["currency"].as_str().or_else(|| object["currency"]["name"].as_str());
    let cell = |path: &str| {
        let text = text(at(object, path));
        let text = match currency.filter(|_| AMOUNTS.contains(&path)) {
            Some(code) => padded_in(&text, code),
            None => text,
        };
        for_terminal(brief(&text)).into_owned()
    };
    view.table.iter().map(|(_, path)| cell(path)).collect()
}

/// A cell as a table has room for it: midnights as days, classifications without what all of them have.
fn brief(text: &str) -> &str {
    let text = text.strip_suffix("T00:00:00Z").unwrap_or(text);
    text.strip_prefix("managed_").unwrap_or(text)
}

fn right_aligned(rows: &[Vec<String>]) -> Vec<bool> {
    let columns = rows.first().map_or(0, Vec::len);
    let is_number =
        |text: &String| text.is_empty() || text.bytes().all(|b| b.is_ascii_digit() || b"-.".contains(&b));
    (0..columns)
        .map(|i| {
            rows.iter().all(|row| is_number(&row[i])) && rows.iter().any(|row| row[i].parse::<f64>().is_ok())
        })
        .collect()
}

/// The widths of the columns; on a terminal, the widest ones are narrowed until all fit.
fn measured(titles: &[String], rows: &[Vec<String>]) -> Vec<usize> {
    let width = |i: usize| {
        let cells = rows.iter().map(|row| &row[i]).chain([&titles[i]]);
        cells.map(|cell| console::measure_text_width(cell)).max().unwrap_or_default()
    };
    let mut widths: Vec<usize> = (0..titles.len()).map(width).collect();
    if let (true, Some((_, terminal))) =
        (std::io::stdout().is_terminal(), console::Term::stdout().size_checked())
    {
        let gaps = 2 * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > usize::from(terminal) {
            match widths.iter_mut().max() {
                Some(widest) if *widest > MIN_WIDTH => *widest -= 1,
                _ => break,
            }
        }
    }
    widths
}

fn print_table_row(row: &[String], widths: &[usize], right: &[bool]) {
    let is_terminal = std::io::stdout().is_terminal();
    let mut line = String::new();
    for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
        let cell =
            if is_terminal { console::truncate_str(cell, *width, "…") } else { cell.as_str().into() };
        let padding = " ".repeat(width.saturating_sub(console::measure_text_width(&cell)));
        let gap = if i == 0 { "" } else { "  " };
        match right[i] {
            true => line.extend([gap, &padding, &cell]),
            false => line.extend([gap, &cell, &padding]),
        }
    }
    println!("{}", line.trim_end());
}

/// A row of CSV.
pub(crate) fn print_row(cells: impl Iterator<Item = String>) {
    output::print(format_args!("{}", row(cells)));
}

/// A row of CSV, with its line's end.
pub(crate) fn row(cells: impl Iterator<Item = String>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let cells: Vec<String> = cells.map(|cell| for_spreadsheet(&cell).into_owned()).collect();
    // Writing to memory does not fail.
    drop(writer.write_record(&cells));
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// The parts of a template.
fn parse(template: &str, view: &View) -> anyhow::Result<Vec<Part>> {
    let (mut parts, mut plain) = (Vec::new(), String::new());
    let mut chars = template.chars();
    let wrong = |why: &str| wrong_input(format!("--format {template:?}: {why}"));
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.push(match chars.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some(other) => other,
                None => '\\',
            }),
            '{' => {
                let field: String = chars.by_ref().take_while(|c| *c != '}').collect();
                let (field, known) = (field.trim().to_owned(), view.fields);
                let is_known = known.iter().any(|name| {
                    *name == field
                        || name.starts_with(&format!("{field}."))
                        || field.starts_with(&format!("{name}."))
                });
                if !is_known {
                    let near = domain::near::near(&field, known.iter().copied());
                    return Err(wrong(&match near {
                        Some(near) => format!("there is no field {{{field}}}; did you mean {{{near}}}?"),
                        None => format!("there is no field {{{field}}}; there are {}", known.join(", ")),
                    }));
                }
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Field(field));
            }
            c => plain.push(c),
        }
    }
    parts.push(Part::Text(plain));
    parts.retain(|part| *part != Part::Text(String::new()));
    Ok(parts)
}

fn filled(parts: &[Part], object: &Value) -> String {
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Field(path) => text(at(object, path)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    static VIEW: View = View { noun: "things", table: &[], fields: &["id", "name", "address.city"] };

    #[test]
    fn templates_are_filled() {
        let object = json!({"id": 7, "name": "Acme", "address": {"city": "Köln"}});
        for (template, expected) in [
            ("{id}\\t{name}", "7\tAcme"),
            ("{ address.city }: {id}\\n", "Köln: 7\n"),
            ("plain", "plain"),
            (r"\{id} \\", r"{id} \"),
            ("{address}", r#"{"city":"Köln"}"#),
        ] {
            assert_eq!(filled(&parse(template, &VIEW).unwrap(), &object), expected, "{template}");
        }
        for (template, why) in [("{nmae}", "did you mean {name}?"), ("{colour}", "there are id, name")] {
            let refused = parse(template, &VIEW).unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn amounts_in_tables_have_the_places_of_their_currency() {
        static AMOUNTS: View =
            View { noun: "things", table: &[("AMOUNT", "total_amount"), ("LINES", "lines")], fields: &[] };
        for (object, expected) in [
            (json!({"total_amount": 12.5, "currency": {"name": "USD"}, "lines": 1}), ["12.50", "1"]),
            (json!({"total_amount": "-3", "currency": "EUR", "lines": 2}), ["-3.00", "2"]),
            (json!({"total_amount": 7, "currency": "JPY", "lines": 3}), ["7", "3"]),
            (json!({"total_amount": 7.5, "lines": 3}), ["7.5", "3"]),
        ] {
            assert_eq!(cells(&AMOUNTS, &object), expected, "{object}");
        }
    }

    #[test]
    fn numbers_are_on_the_right() {
        let rows = [["1", "12.5", "a", "2026-10", ""], ["10", "", "1", "x", ""]];
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|c| (*c).to_owned()).collect()).collect();
        assert_eq!(right_aligned(&rows), [true, true, false, false, false]);
    }
}
