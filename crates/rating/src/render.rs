//! Cells on their way into a bill: quoted where they have to be, and none that a spreadsheet would run.

use crate::layout::Layout;
use crate::line::Line;

/// How to write the shown columns of a file's lines, in the kind's own order.
pub(crate) struct Plan {
    segments: Vec<Segment>,
}

/// How many columns are looked at while a bill is written.
pub(crate) const MARKS: usize = 8;

/// Columns that follow each other in the file as they do in the output.
struct Segment {
    /// Where the file has the first; `None` where it has none of them.
    first: Option<usize>,
    count: usize,
    /// Whether they hold numbers.
    number: bool,
    /// Those whose place in the output is asked for: which of the asked it is, and where in the file.
    marked: Vec<(usize, usize)>,
}

/// What a cell may begin with that makes a spreadsheet take it for a formula (OWASP, "CSV Injection"); full-width forms of
/// the same are looked at below.
pub(crate) fn begins_formula(text: &[u8]) -> bool {
    match text {
        [b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n', ..] => true,
        [0xef, 0xbc, last, ..] => matches!(last, 0x9d | 0x8b | 0x8d | 0xa0),
        _ => false,
    }
}

/// First bytes of cells that have to be looked at: quotes, and what may begin a formula.
const LOOK: [bool; 256] = {
    let mut look = [false; 256];
    let bytes = [b'"', b'=', b'+', b'-', b'@', b'\t', b'\r', b'\n', 0xef];
    let mut i = 0;
    while i < bytes.len() {
        look[bytes[i] as usize] = true;
        i += 1;
    }
    look
};

impl Plan {
    /// `marked`: places in the file whose place in the output is to be told.
    pub(crate) fn of(layout: &Layout, marked: [Option<usize>; MARKS]) -> Plan {
        let mut segments: Vec<Segment> = Vec::new();
        for (place, number) in layout.places() {
            match segments.last_mut() {
                Some(last)
                    if last.number == number && last.first.map(|first| first + last.count) == place =>
                {
                    last.count += 1;
                }
                _ => segments.push(Segment { first: place, count: 1, number, marked: Vec::new() }),
            }
        }
        for (mark, place) in marked.into_iter().enumerate().filter_map(|(mark, place)| Some((mark, place?))) {
            let has =
                |s: &&mut Segment| s.first.is_some_and(|first| (first..first + s.count).contains(&place));
            if let Some(segment) = segments.iter_mut().find(has) {
                segment.marked.push((mark, place));
            }
        }
        Plan { segments }
    }

    /// Writes the cells with commas between them, and tells where the marked ones are: begin and length after `out`'s
    /// length of before. `careful`: whether a carriage return may be in a cell.
    pub(crate) fn write(&self, line: &Line<'_>, careful: bool, out: &mut Vec<u8>) -> [(u32, u32); MARKS] {
        let base = out.len();
        let mut names = [(0, 0); MARKS];
        for (i, segment) in self.segments.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            let Some(first) = segment.first else {
                out.extend(std::iter::repeat_n(b',', segment.count - 1));
                continue;
            };
            let (begin, _) = line.range(first);
            let (_, end) = line.range(first + segment.count - 1);
            let written = out.len();
            if !careful && segment.is_fit(line, begin, first) {
                out.extend_from_slice(&line.block[begin..end]);
                for (mark, place) in &segment.marked {
                    let (from, to) = line.range(*place);
                    names[*mark] = ((written - base + from - begin) as u32, (to - from) as u32);
                }
                continue;
            }
            for place in first..first + segment.count {
                if place > first {
                    out.push(b',');
                }
                let at = out.len();
                let (begin, end) = line.range(place);
                let cell = &line.block[begin..end];
                if is_fit(line, begin, cell, segment.number) && !(careful && cell.contains(&b'\r')) {
                    out.extend_from_slice(cell);
                } else {
                    write_cell(line, begin, cell, segment.number, careful, out);
                }
                for (mark, _) in segment.marked.iter().filter(|(_, marked)| *marked == place) {
                    names[*mark] = ((at - base) as u32, (out.len() - at) as u32);
                }
            }
        }
        names
    }
}

impl Segment {
    /// Whether all its cells can be copied as they are, at once. Most can, and then one byte of each tells.
    fn is_fit(&self, line: &Line<'_>, mut begin: usize, first: usize) -> bool {
        line.ends[first..first + self.count].iter().all(|end| {
            let from = std::mem::replace(&mut begin, *end as usize + 1);
            if !LOOK[usize::from(line.block[from])] || from == *end as usize {
                return true;
            }
            let mut to = *end as usize;
            if line.block[to] == b'\n' && line.block[to - 1] == b'\r' {
                to -= 1;
            }
            is_fit(line, from, &line.block[from..to], self.number)
        })
    }
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

/// Writes a text as a CSV cell, protected from being run by a spreadsheet.
pub fn push_text(text: &str, out: &mut Vec<u8>) {
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

/// Appends bytes that are few, mostly: these without a call, of which a row would have dozens.
pub(crate) fn push_short(bytes: &[u8], out: &mut Vec<u8>) {
    /// Both halves, which overlap.
    fn push_halves<const N: usize>(bytes: &[u8], out: &mut Vec<u8>) {
        if let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) {
            out.extend_from_slice(first);
            out.truncate(out.len() + bytes.len() - 2 * N);
            out.extend_from_slice(last);
        }
    }
    match bytes.len() {
        0 => {}
        1..4 => bytes.iter().for_each(|byte| out.push(*byte)),
        4..=8 => push_halves::<4>(bytes, out),
        9..=16 => push_halves::<8>(bytes, out),
        17..=32 => push_halves::<16>(bytes, out),
        _ => out.extend_from_slice(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_any_length_are_appended() {
        let bytes: Vec<u8> = (0..70).collect();
        for length in 0..bytes.len() {
            let mut out = b"before,".to_vec();
            push_short(&bytes[..length], &mut out);
            assert_eq!(out, [b"before,", &bytes[..length]].concat(), "{length}");
        }
    }
}
