//! Lines that are in more than one file. A file that was saved again, with other line ends, in another order of columns or as
//! JSON, looks like another one; its lines say who they are.

use crate::failure::Failure;
use crate::job::Input;
use crate::plural::{count_of, form_for};
use crate::row::KEY;
use crate::source::{Member, fault};
use crate::warning::{Warning, WarningCode};
use crate::wording::{Message, Wording};
use std::collections::{BTreeMap, BTreeSet};

/// How many lines each two have in common, by their numbers.
type Common = BTreeMap<(usize, usize), u64>;

/// What one thread has seen of the lines, billed or left over. Those that are alike are seen by one thread, one after the other.
pub(crate) struct Overlap<'a> {
    /// Empty where there is nothing to compare.
    members: &'a [Member],
    last: [u8; KEY],
    /// How often the last line is in each member.
    alike: Vec<(usize, u64)>,
    /// Lines of each member.
    lines: Vec<u64>,
    of_members: Common,
    of_sources: Common,
    /// Lines that are in more than one file, parts of one export not counted.
    repeated: u64,
}

impl<'a> Overlap<'a> {
    pub(crate) fn of(members: &'a [Member]) -> Self {
        Overlap {
            members: if Overlap::can_tell(members) { members } else { &[] },
            last: [0; KEY],
            alike: Vec::new(),
            lines: vec![0; members.len()],
            of_members: Common::new(),
            of_sources: Common::new(),
            repeated: 0,
        }
    }

    /// Whether there are files to compare, and not more than a row has room for.
    pub(crate) fn can_tell(members: &[Member]) -> bool {
        members.len() > 1 && members.len() <= usize::from(u16::MAX)
    }

    /// Takes note of a line of a member.
    pub(crate) fn see(&mut self, key: [u8; KEY], member: u16) {
        let member = usize::from(member);
        // Adjustment lines are of no member.
        if member >= self.members.len() {
            return;
        }
        self.lines[member] += 1;
        if self.last != key {
            self.count();
            self.last = key;
        }
        match self.alike.iter_mut().find(|(known, _)| *known == member) {
            Some((_, count)) => *count += 1,
            None => self.alike.push((member, 1)),
        }
    }

    /// Whether two members are parts of one export.
    fn are_parts_of_one(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.members[one], &self.members[other]);
        one.is_part && one.source == other.source
    }

    /// How many lines seen so far are in a file though another has them too, parts of one export not counted.
    pub(crate) fn repeated(&mut self) -> u64 {
        self.count();
        // The next line begins another count, whatever it is.
        self.last = [0; KEY];
        self.repeated
    }

    /// Adds up what was alike.
    fn count(&mut self) {
        if self.alike.len() > 1 {
            for (i, (member, lines)) in self.alike.iter().enumerate() {
                let others =
                    self.alike[..i].iter().filter(|(other, _)| !self.are_parts_of_one(*member, *other));
                self.repeated += others.map(|(_, others)| lines.min(others)).max().unwrap_or(&0);
            }
            count(&self.alike, &mut self.of_members);
            let mut of_sources: BTreeMap<usize, u64> = BTreeMap::new();
            for (member, count) in &self.alike {
                *of_sources.entry(self.members[*member].source).or_default() += count;
            }
            count(&of_sources.into_iter().collect::<Vec<_>>(), &mut self.of_sources);
        }
        self.alike.clear();
    }

    /// What is to be said of lines that are in two files, when all threads have seen theirs.
    ///
    /// # Errors
    /// Sources all of whose lines are in another one too, and files of archives likewise. The parts of an export are as
    /// Microsoft cut it, and are not compared.
    pub(crate) fn judge(
        members: &'a [Member],
        inputs: &[Input],
        threads: impl Iterator<Item = Overlap<'a>>,
    ) -> Result<Vec<Warning>, Failure> {
        let mut all = Overlap::of(members);
        for mut thread in threads {
            thread.count();
            all.lines.iter_mut().zip(&thread.lines).for_each(|(sum, lines)| *sum += lines);
            for (sum, common) in
                [(&mut all.of_members, thread.of_members), (&mut all.of_sources, thread.of_sources)]
            {
                common.into_iter().for_each(|(pair, lines)| *sum.entry(pair).or_default() += lines);
            }
        }
        let mut of_sources = vec![0; inputs.len()];
        members.iter().zip(&all.lines).for_each(|(member, lines)| of_sources[member.source] += lines);

        let (mut warnings, mut refused, mut compared) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut refuse = |within: &str, other: &str, lines: u64| {
            let which = match lines {
                1 => "its only line that counts is".to_owned(),
                _ => format!("all its {lines} lines that count are"),
            };
            let message = format!(
                "{which} in {other} too, and would count twice: leave one of the two out; if Microsoft charges both, put the \
                 lines into one file"
            );
            let values = [("lines", lines.into()), ("other", other.into())];
            let wording = Wording::new("report-counted-twice", values);
            refused.push(fault(within, Message::worded(message, wording)));
        };
        for (pair, common) in &all.of_sources {
            if let Some((within, other)) = within(&of_sources, *pair, *common) {
                refuse(&inputs[within].name, &inputs[other].name, *common);
                compared.insert(*pair);
            }
        }
        for (pair, common) in &all.of_members {
            let (first, second) = (&members[pair.0], &members[pair.1]);
            match within(&all.lines, *pair, *common) {
                _ if compared.contains(&(first.source, second.source)) => {}
                Some((within, other)) if !first.is_part && !second.is_part => {
                    refuse(&members[within].name, &members[other].name, *common);
                }
                _ => {
                    let code = match first.is_part && first.source == second.source {
                        true => WarningCode::EqualLinesInExport,
                        false => WarningCode::OverlappingFiles,
                    };
                    let message = format!(
                        "has {} that {} in {} too: what is the same counts twice",
                        count_of(*common, "line"),
                        form_for(*common, "is", "are"),
                        first.name
                    );
                    let values = [("lines", (*common).into()), ("other", (&first.name).into())];
                    let wording = match code {
                        WarningCode::EqualLinesInExport => {
                            Wording::new("report-equal-lines-in-export", values)
                        }
                        _ => Wording::new("report-overlapping-files", values),
                    };
                    let message = Message::worded(message, wording);
                    let mut warning = Warning::of_file(code, &second.name, message);
                    warning.counted.lines = *common;
                    warnings.push(warning);
                }
            }
        }
        refused.truncate(Failure::LIMIT);
        if refused.is_empty() { Ok(warnings) } else { Err(Failure::Faults(refused)) }
    }
}

/// Adds what each two have in common of lines that are alike.
fn count(alike: &[(usize, u64)], common: &mut Common) {
    for (i, (one, count)) in alike.iter().enumerate() {
        for (other, others) in &alike[..i] {
            *common.entry((*one.min(other), *one.max(other))).or_default() += count.min(others);
        }
    }
}

/// Of two, the one that has no line of its own, and the other.
fn within(lines: &[u64], (first, second): (usize, usize), common: u64) -> Option<(usize, usize)> {
    match common {
        all if all == lines[second] => Some((second, first)),
        all if all == lines[first] => Some((first, second)),
        _ => None,
    }
}
