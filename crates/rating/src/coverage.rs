//! Which months and invoices the lines of each file are of. A run for a month takes the files of that month, and either
//! lines that Microsoft has put on an invoice or lines that it has not: both in one run would bill them twice.

use crate::amount::Amount;
use crate::columns::{Kind, Role};
use crate::failure::Failure;
use crate::job::Job;
use crate::line::{Line, Values, day};
use crate::period::BillingPeriod;
use crate::plural::{count_of, form_for};
use crate::source::{Member, fault};
use crate::warning::{Counted, Tally, Warning, WarningCode};
use crate::wording::{Message, Wording};
use std::collections::BTreeMap;

/// The lines of one file that count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    /// Lines of a day or a charge period in the month.
    inside: u64,
    outside: Tally,
    /// The first and the last month of those outside, as `yyyymm`.
    months: Option<(u32, u32)>,
    /// Lines that have an invoice number.
    numbered: u64,
    unnumbered: Tally,
    /// Lines whose earned credit the partner keeps, and that do not say what it is.
    pub(crate) credit_unknown: Tally,
    /// Lines whose cost is not their list price less the earned credit that a price adjustment names.
    pub(crate) credit_disputed: Tally,
}

impl Coverage {
    /// Counts a line. `month`: the month that is billed, as `yyyymm`.
    pub(crate) fn see(&mut self, line: &Line<'_>, values: &Values, cost: Amount, month: u32, invoice: &[u8]) {
        if invoice.is_empty() {
            self.unnumbered.add(values.currency, cost);
        } else {
            self.numbered += 1;
        }
        let own = values.day / 100;
        if own == month || own == 0 || is_charged_in(line, values, month) {
            self.inside += 1;
        } else {
            self.outside.add(values.currency, cost);
            let (first, last) = self.months.unwrap_or((own, own));
            self.months = Some((first.min(own), last.max(own)));
        }
    }

    pub(crate) fn merge(&mut self, other: &Coverage) {
        self.inside += other.inside;
        self.outside.merge(&other.outside);
        self.numbered += other.numbered;
        self.unnumbered.merge(&other.unnumbered);
        self.credit_unknown.merge(&other.credit_unknown);
        self.credit_disputed.merge(&other.credit_disputed);
        self.months = match (self.months, other.months) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
    }

    /// `2026-11`, or `2026-11 to 2027-01`.
    fn other_months(&self) -> String {
        match self.months {
            Some((first, last)) if first < last => format!("{} to {}", shown(first), shown(last)),
            Some((month, _)) => shown(month),
            None => String::new(),
        }
    }

    /// What makes a message about other months in other languages: the text with this id, or, where there are several months, the
    /// one with `-several` behind it.
    fn months_wording(&self, id: &str, period: BillingPeriod) -> Wording {
        let lines = self.outside.lines;
        let (first, last) = self.months.unwrap_or_default();
        let id = if first < last { format!("{id}-several") } else { id.to_owned() };
        Wording::new(
            &id,
            [
                ("lines", lines.into()),
                ("all", (self.inside + lines).into()),
                ("month", period.into()),
                ("from", shown(first).into()),
                ("until", shown(last).into()),
            ],
        )
    }
}

/// A month such as `2026-10`, from a number such as 202610.
fn shown(month: u32) -> String {
    format!("{:04}-{:02}", month / 100, month % 100)
}

/// Whether the period that a line charges has a day in a month.
fn is_charged_in(line: &Line<'_>, values: &Values, month: u32) -> bool {
    let of = |role| day(line.get(role)).unwrap_or(0) / 100;
    let start = match line.layout.kind {
        Kind::Reconciliation => values.day / 100,
        Kind::Usage => of(Role::ChargeStart),
    };
    start != 0 && start <= month && of(Role::ChargeEnd) >= month
}

/// What the files cover that is to be looked at.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) warnings: Vec<Warning>,
    /// Lines of other months.
    pub(crate) other_months: Counted,
    /// Lines without an invoice number.
    pub(crate) without_invoice: Counted,
    /// Lines whose earned credit is unknown though the partner keeps it.
    pub(crate) credit_unknown: Counted,
    /// Lines whose earned credit does not explain their cost.
    pub(crate) credit_disputed: Counted,
}

/// Judges what the files cover, once all are read. `coverages`: by the number of the member.
///
/// # Errors
/// Files without a line of the month; lines on an invoice beside lines that are on none; lines on none that would be final;
/// lines whose earned credit is to be kept and unknown.
pub(crate) fn judge(
    job: &Job,
    members: &[Member],
    coverages: &BTreeMap<usize, Coverage>,
) -> Result<Judged, Failure> {
    let (mut all, mut faults, mut judged) = (Coverage::default(), Vec::new(), Judged::default());
    // The parts of an export are as Microsoft cut it, so they are one.
    let mut files: BTreeMap<(usize, Option<usize>), (&str, Coverage)> = BTreeMap::new();
    for (i, coverage) in coverages {
        let member = &members[*i];
        let (part, name) = match member.is_part {
            true => (None, job.inputs[member.source].name.as_str()),
            false => (Some(*i), member.name.as_str()),
        };
        files.entry((member.source, part)).or_insert_with(|| (name, Coverage::default())).1.merge(coverage);
        all.merge(coverage);
    }
    let period = job.period;
    for (name, file) in files.values() {
        let (inside, outside, months) = (file.inside, file.outside.lines, file.other_months());
        if inside == 0 && outside > 0 && !job.accepts(WarningCode::LinesOfOtherMonths) {
            let which = match outside {
                1 => "its only line is of no".to_owned(),
                _ => format!("none of its {outside} lines is of a"),
            };
            let message = format!(
                "{which} day or billing period in {period}: {} of {months}. Run it as the month that it is of, or accept {}",
                form_for(outside, "it is", "they are"),
                WarningCode::LinesOfOtherMonths.name()
            );
            let wording = file.months_wording("report-only-other-months", period);
            faults.push(fault(name, Message::worded(message, wording)));
        } else if outside > inside {
            let message = format!(
                "{outside} of its {} {} of another month than {period}: of {months}",
                count_of(inside + outside, "line"),
                form_for(outside, "is", "are")
            );
            let wording = file.months_wording("report-lines-of-other-months", period);
            let message = Message::worded(message, wording);
            let warning = Warning::of_file(WarningCode::LinesOfOtherMonths, name, message);
            judged.warnings.push(Warning { counted: file.outside.counted(), ..warning });
        }
        if file.unnumbered.lines > 0 && all.numbered > 0 {
            let message = format!(
                "has {} without an invoice number, and {} of this run {} on an invoice: what Microsoft has not billed yet comes \
                 again with its invoice, so bill either kind in a run of its own",
                count_of(file.unnumbered.lines, "line"),
                count_of(all.numbered, "line"),
                form_for(all.numbered, "is", "are")
            );
            let values = [("lines", file.unnumbered.lines.into()), ("numbered", all.numbered.into())];
            faults.push(fault(name, Message::worded(message, Wording::new("report-both-kinds", values))));
        } else if file.unnumbered.lines > 0 && job.finalize {
            let message = format!(
                "has {} without an invoice number, which cannot be made final: Microsoft's invoice has {} again. Run it without \
                 finalizing, or take the files of the invoice",
                count_of(file.unnumbered.lines, "line"),
                form_for(file.unnumbered.lines, "it", "them")
            );
            let values = [("lines", file.unnumbered.lines.into())];
            let wording = Wording::new("report-unnumbered-final", values);
            faults.push(fault(name, Message::worded(message, wording)));
        }
        if file.credit_unknown.lines > 0 {
            let counted = file.credit_unknown.counted();
            let message = format!(
                "has {} of Azure usage that {} {} and {} partner earned credit, which the partner keeps: its columns are \
                 PartnerEarnedCreditPercentage or rateOfPartnerEarnedCredit, or PriceAdjustmentDescription",
                count_of(counted.lines, "line"),
                form_for(counted.lines, "costs", "cost"),
                counted.money(),
                form_for(counted.lines, "does not say its", "do not say their")
            );
            let values = [("lines", counted.lines.into()), ("cost", (&counted).into())];
            if job.accepts(WarningCode::EarnedCreditUnknown) {
                let message = Message::worded(message, Wording::new("report-earned-credit-unknown", values));
                let warning = Warning::of_file(WarningCode::EarnedCreditUnknown, name, message);
                judged.warnings.push(Warning { counted, ..warning });
            } else {
                let message = format!(
                    "{message}. Take files with all attributes (attributeSet full), pass the credit on, or accept {} to charge \
                     from the cost",
                    WarningCode::EarnedCreditUnknown.name()
                );
                let wording = Wording::new("report-earned-credit-refused", values);
                faults.push(fault(name, Message::worded(message, wording)));
            }
        }
        if file.credit_disputed.lines > 0 {
            let counted = file.credit_disputed.counted();
            let message = format!(
                "{} of its lines, which {} {}, {} a partner earned credit that does not explain the cost: the charge starts from \
                 the cost before that share",
                counted.lines,
                form_for(counted.lines, "costs", "cost"),
                counted.money(),
                form_for(counted.lines, "names", "name")
            );
            let values = [("lines", counted.lines.into()), ("cost", (&counted).into())];
            let message = Message::worded(message, Wording::new("report-earned-credit-mismatch", values));
            let warning = Warning::of_file(WarningCode::EarnedCreditMismatch, name, message);
            judged.warnings.push(Warning { counted, ..warning });
        }
    }
    judged.credit_unknown = all.credit_unknown.counted();
    judged.credit_disputed = all.credit_disputed.counted();
    judged.other_months = all.outside.counted();
    judged.without_invoice = all.unnumbered.counted();
    if all.unnumbered.lines > 0 {
        let message = format!(
            "{} that {} {} {} no invoice number: Microsoft has not billed {} yet, so {} can be estimated and never final",
            count_of(all.unnumbered.lines, "line"),
            form_for(all.unnumbered.lines, "costs", "cost"),
            judged.without_invoice.money(),
            form_for(all.unnumbered.lines, "has", "have"),
            form_for(all.unnumbered.lines, "it", "them"),
            form_for(all.unnumbered.lines, "it", "they")
        );
        let values = [("lines", all.unnumbered.lines.into()), ("cost", (&judged.without_invoice).into())];
        let message = Message::worded(message, Wording::new("report-lines-without-invoice", values));
        let warning = Warning::new(WarningCode::LinesWithoutInvoice, message);
        judged.warnings.push(Warning { counted: judged.without_invoice.clone(), ..warning });
    }
    faults.truncate(Failure::LIMIT);
    if faults.is_empty() { Ok(judged) } else { Err(Failure::Faults(faults)) }
}
