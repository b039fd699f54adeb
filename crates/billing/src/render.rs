//! Cells on their way into a bill: quoted where they have to be, and none that a spreadsheet would run.

use crate::layout::Layout;
use crate::line::Line;

/// How to write the shown or the hidden columns of a file's lines, in the kind's own order.
pub(crate) struct Plan {
    /// Where the file has each, and whether it holds numbers.
    places: Vec<(Option<usize>, bool)>,
    /// The columns whose place in the output is asked for.
    marked: [Option<usize>; 3],
}

/// What a cell may begin with that makes a spreadsheet take it for a formula (OWASP, "CSV Injection"); full-width forms of
/// the same are looked at below.
fn begins_formula(text: &[u8]) -> bool {
    match text {
        [b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n', ..] => true,
        [0xef, 0xbc, last, ..] => matches!(last, 0x9d | 0x8b | 0x8d | 0xa0),
        _ => false,
    }
}

impl Plan {
    /// `marked`: places in the file whose place in the output is to be told.
    pub(crate) fn of(layout: &Layout, shown: bool, marked: [Option<usize>; 3]) -> Plan {
        let places = layout.places(shown);
        let marked = marked.map(|place| {
            let place = place?;
            places.iter().position(|(known, _)| *known == Some(place))
        });
        Plan { places, marked }
    }

    /// Writes the cells with commas between them, and tells where the marked ones are: begin and length after `out`'s
    /// length of before. `careful`: whether a carriage return may be in a cell.
    pub(crate) fn write(&self, line: &Line<'_>, careful: bool, out: &mut Vec<u8>) -> [(u32, u32); 3] {
        let base = out.len();
        let mut names = [(0, 0); 3];
        // Cells that follow each other in the file as they do here are copied at once, with their commas.
        let (mut from, mut to, mut waiting) = (0, 0, false);
        for (i, &(place, number)) in self.places.iter().enumerate() {
            let (begin, end) = place.map_or((0, 0), |place| line.range(place));
            let cell = &line.block[begin..end];
            let as_it_is = place.is_some() && is_fit(line, begin, cell, number) && !(careful && cell.contains(&b'\r'));
            if as_it_is && waiting && to + 1 == begin {
                to = end;
            } else {
                if waiting {
                    out.extend_from_slice(&line.block[from..to]);
                }
                if i > 0 {
                    out.push(b',');
                }
                if as_it_is {
                    (from, to) = (begin, end);
                } else {
                    write_cell(line, begin, cell, number, careful, out);
                }
                waiting = as_it_is;
            }
            for (name, marked) in names.iter_mut().zip(&self.marked) {
                if *marked == Some(i) {
                    // What waits is not written yet, but where it will be is known.
                    let length = if waiting { cell.len() } else { 0 };
                    let written = out.len() - base + if waiting { to - from } else { 0 };
                    *name = ((written - length) as u32, length as u32);
                    if !waiting {
                        let cell = last_cell(&out[base..]);
                        *name = ((written - cell) as u32, cell as u32);
                    }
                }
            }
        }
        if waiting {
            out.extend_from_slice(&line.block[from..to]);
        }
        names
    }
}

/// How long the last cell is of those written so far. Rare: only for names that had to be rewritten.
fn last_cell(written: &[u8]) -> usize {
    let mut within = false;
    let mut begin = 0;
    for (i, byte) in written.iter().enumerate() {
        match byte {
            b'"' => within = !within,
            b',' if !within => begin = i + 1,
            _ => {}
        }
    }
    written.len() - begin
}

/// Whether a cell can be copied as it is, quotes included.
fn is_fit(line: &Line<'_>, begin: usize, cell: &[u8], number: bool) -> bool {
    match cell {
        [b'"', inner @ .., _] => {
            line.scan.must_quote(begin + 1, begin + 1 + inner.len()) && (number || !begins_formula(inner))
        }
        _ => number || !begins_formula(cell),
    }
}

#[cold]
fn write_cell(line: &Line<'_>, begin: usize, cell: &[u8], number: bool, careful: bool, out: &mut Vec<u8>) {
    let (inner, special) = match cell {
        [b'"', inner @ .., b'"'] => (inner, line.scan.must_quote(begin + 1, begin + 1 + inner.len())),
        plain => (plain, false),
    };
    let quote = special || careful && inner.contains(&b'\r');
    if quote {
        out.push(b'"');
    }
    if !number && begins_formula(inner) {
        out.push(b'\'');
    }
    out.extend_from_slice(inner);
    if quote {
        out.push(b'"');
    }
}

/// The text of a CSV cell as [`Plan::write`] writes it: without quotes, and without the protection from spreadsheets.
pub(crate) fn text(cell: &[u8]) -> String {
    let inner = match cell {
        [b'"', inner @ .., b'"'] => String::from_utf8_lossy(inner).replace("\"\"", "\""),
        plain => String::from_utf8_lossy(plain).into_owned(),
    };
    match inner.strip_prefix('\'') {
        Some(formula) if begins_formula(formula.as_bytes()) => formula.to_owned(),
        _ => inner,
    }
}

/// Writes a text as a CSV cell, protected.
pub(crate) fn push_text(text: &str, out: &mut Vec<u8>) {
    let quote = text.contains([',', '"', '\n', '\r']);
    if quote {
        out.push(b'"');
    }
    if begins_formula(text.as_bytes()) {
        out.push(b'\'');
    }
    match quote {
        true => out.extend_from_slice(text.replace('"', "\"\"").as_bytes()),
        false => out.extend_from_slice(text.as_bytes()),
    }
    if quote {
        out.push(b'"');
    }
}
