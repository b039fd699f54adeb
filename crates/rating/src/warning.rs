//! Warnings of a run: each has a code by which it can be accepted, and says what it stands in the way of until then.

use crate::amount::Amount;
use crate::currency::Currency;
use crate::text_serde;
use crate::wording::{Message, Wording};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The most warnings of one code that a report lists.
pub(crate) const MAX_PER_CODE: usize = 50;

/// The subject of a warning. Its name in reports, requests and commands is [`WarningCode::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarningCode {
    /// A file has a header and no lines.
    EmptyFile,
    /// The lines are of several invoices.
    SeveralInvoices,
    /// Parts of one export have lines that are alike.
    EqualLinesInExport,
    /// Two files have some lines in common.
    OverlappingFiles,
    /// Most lines of a file are of other months.
    LinesOfOtherMonths,
    /// Lines have no invoice number, so they are not billed by Microsoft yet.
    LinesWithoutInvoice,
    /// JSON Lines without the manifest that says how many parts belong together.
    NoManifest,
    /// The partner earned credit of Azure lines is unknown, and the partner keeps it.
    EarnedCreditUnknown,
    /// The earned credit that a price adjustment names does not explain the line's cost.
    EarnedCreditMismatch,
    /// Lines are charged less than they cost.
    BelowCost,
    /// Lines are charged more than five times what they cost.
    FarAboveCost,
    /// Lines equal final ones in all but the invoice number.
    ReissuedInvoice,
    /// Usage is not what the reconciliation has in sums, beyond rounding.
    UsageDiffers,
    /// A price rule matched no line.
    PriceRuleUnused,
    /// A fixed price is in a currency that no rate leads from.
    PriceRuleWithoutRate,
    /// A price rule needs a list price, and the imported price sheet has none for the line.
    PriceRuleWithoutListPrice,
    /// A fixed price needs a quantity, and the line has none.
    PriceRuleWithoutQuantity,
    /// The files do not come to the totals that were expected.
    ExpectedTotalMismatch,
    /// Lines that cost more than the bound are on no bill.
    Unassigned,
    /// Bills are held back.
    HeldBack,
    /// A customer had a bill the month before and has none, and there is a bound on changes.
    BillGone,
    /// A customer's folder takes no bill. The engine knows of no folders: its caller warns of them.
    FolderUnwritable,
    /// Assignments, margins, billing switches or folders on the days of the bills have changed since these were made. The engine does
    /// not know what holds now: its caller warns of it.
    FactsChanged,
    /// A warning of version 0.1, which had no codes.
    Uncoded,
}

/// What a warning stands in the way of until it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blocks {
    /// Nothing: it informs.
    Nothing,
    /// Making the statements final.
    Finalizing,
    /// Publishing bills, and so making them final too.
    Publishing,
}

impl FromStr for Blocks {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut known = [Blocks::Finalizing, Blocks::Publishing].into_iter();
        known.find(|blocks| blocks.name() == Some(name)).ok_or("is nothing that a warning blocks")
    }
}

impl Blocks {
    /// `finalize` or `publish`; `None` where it blocks nothing.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Blocks::Nothing => None,
            Blocks::Finalizing => Some("finalize"),
            Blocks::Publishing => Some("publish"),
        }
    }
}

/// `"publish"`, `"finalize"` or `null`.
impl Serialize for Blocks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.name().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Blocks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        name.map_or(Ok(Blocks::Nothing), |name| name.parse().map_err(serde::de::Error::custom))
    }
}

impl WarningCode {
    /// All codes.
    pub const ALL: [WarningCode; 24] = [
        WarningCode::EmptyFile,
        WarningCode::SeveralInvoices,
        WarningCode::EqualLinesInExport,
        WarningCode::OverlappingFiles,
        WarningCode::LinesOfOtherMonths,
        WarningCode::LinesWithoutInvoice,
        WarningCode::NoManifest,
        WarningCode::EarnedCreditUnknown,
        WarningCode::EarnedCreditMismatch,
        WarningCode::BelowCost,
        WarningCode::FarAboveCost,
        WarningCode::ReissuedInvoice,
        WarningCode::UsageDiffers,
        WarningCode::PriceRuleUnused,
        WarningCode::PriceRuleWithoutRate,
        WarningCode::PriceRuleWithoutListPrice,
        WarningCode::PriceRuleWithoutQuantity,
        WarningCode::ExpectedTotalMismatch,
        WarningCode::Unassigned,
        WarningCode::HeldBack,
        WarningCode::BillGone,
        WarningCode::FolderUnwritable,
        WarningCode::FactsChanged,
        WarningCode::Uncoded,
    ];

    /// The code as reports, requests and commands have it, such as `below_cost`.
    pub fn name(self) -> &'static str {
        match self {
            WarningCode::EmptyFile => "empty_file",
            WarningCode::SeveralInvoices => "several_invoices",
            WarningCode::EqualLinesInExport => "equal_lines_in_export",
            WarningCode::OverlappingFiles => "overlapping_files",
            WarningCode::LinesOfOtherMonths => "lines_of_other_months",
            WarningCode::LinesWithoutInvoice => "lines_without_invoice",
            WarningCode::NoManifest => "no_manifest",
            WarningCode::EarnedCreditUnknown => "earned_credit_unknown",
            WarningCode::EarnedCreditMismatch => "earned_credit_mismatch",
            WarningCode::BelowCost => "below_cost",
            WarningCode::FarAboveCost => "far_above_cost",
            WarningCode::ReissuedInvoice => "reissued_invoice",
            WarningCode::UsageDiffers => "usage_differs",
            WarningCode::PriceRuleUnused => "price_rule_unused",
            WarningCode::PriceRuleWithoutRate => "price_rule_without_rate",
            WarningCode::PriceRuleWithoutListPrice => "price_rule_without_list_price",
            WarningCode::PriceRuleWithoutQuantity => "price_rule_without_quantity",
            WarningCode::ExpectedTotalMismatch => "expected_total_mismatch",
            WarningCode::Unassigned => "unassigned",
            WarningCode::HeldBack => "held_back",
            WarningCode::BillGone => "bill_gone",
            WarningCode::FolderUnwritable => "folder_unwritable",
            WarningCode::FactsChanged => "facts_changed",
            WarningCode::Uncoded => "uncoded",
        }
    }

    /// The code of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// What its warnings block.
    pub fn blocks(self) -> Blocks {
        match self {
            WarningCode::EmptyFile
            | WarningCode::SeveralInvoices
            | WarningCode::EqualLinesInExport
            | WarningCode::PriceRuleUnused
            | WarningCode::FolderUnwritable
            | WarningCode::Uncoded => Blocks::Nothing,
            WarningCode::EarnedCreditUnknown | WarningCode::FactsChanged => Blocks::Publishing,
            _ => Blocks::Finalizing,
        }
    }

    /// Whether accepting it lifts what it blocks. Lines without an invoice number can never be final: Microsoft's invoice
    /// has them again, with its number.
    pub fn is_acceptable(self) -> bool {
        !matches!(
            self,
            WarningCode::LinesWithoutInvoice | WarningCode::FolderUnwritable | WarningCode::Uncoded
        )
    }
}

impl FromStr for WarningCode {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        WarningCode::of(name).ok_or("is not the code of a warning")
    }
}

impl<'de> Deserialize<'de> for WarningCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_serde::parsed(deserializer)
    }
}

impl Serialize for WarningCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A sum in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// The currency.
    pub currency: Currency,
    /// The sum.
    pub amount: Amount,
}

/// How many lines something concerns, and what they cost in each currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// The number of lines.
    pub lines: u64,
    /// Their cost by currency, in the order of the codes.
    pub amounts: Vec<Money>,
}

impl Counted {
    /// `12.50 USD and 3 EUR`; `nothing` where there is no money.
    pub(crate) fn money(&self) -> String {
        let shown: Vec<String> =
            self.amounts.iter().map(|money| format!("{} {}", money.amount, money.currency)).collect();
        if shown.is_empty() { "nothing".to_owned() } else { shown.join(" and ") }
    }
}

/// Lines and their cost, while they are being counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) lines: u64,
    amounts: BTreeMap<Currency, Amount>,
}

impl Tally {
    pub(crate) fn add(&mut self, currency: Currency, cost: Amount) {
        self.lines += 1;
        *self.amounts.entry(currency).or_default() += cost;
    }

    pub(crate) fn add_lines(&mut self, lines: u64, currency: Currency, cost: Amount) {
        self.lines += lines;
        *self.amounts.entry(currency).or_default() += cost;
    }

    pub(crate) fn merge(&mut self, other: &Tally) {
        self.lines += other.lines;
        for (currency, cost) in &other.amounts {
            *self.amounts.entry(*currency).or_default() += *cost;
        }
    }

    pub(crate) fn counted(&self) -> Counted {
        let amounts =
            self.amounts.iter().map(|(currency, amount)| Money { currency: *currency, amount: *amount });
        Counted { lines: self.lines, amounts: amounts.collect() }
    }
}

/// Something to look at, though there are bills.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What it is about.
    pub code: WarningCode,
    /// What it blocks until it is accepted.
    pub blocks: Blocks,
    /// Whether the run was told to accept it, so that it blocks nothing.
    pub accepted: bool,
    /// The file that it is about. Empty where it is about no single file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// The customer that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    /// The price rule that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_rule_id: Option<i64>,
    /// The lines concerned, and their cost.
    #[serde(flatten)]
    pub counted: Counted,
    /// What is to be looked at, in a sentence.
    pub message: String,
    /// What makes that sentence in other languages.
    #[serde(skip)]
    pub wording: Option<Wording>,
}

impl Warning {
    pub(crate) fn new(code: WarningCode, message: Message) -> Warning {
        let Message { text, wording } = message;
        Warning {
            code,
            blocks: code.blocks(),
            accepted: false,
            file: String::new(),
            customer_id: None,
            price_rule_id: None,
            counted: Counted::default(),
            message: text,
            wording,
        }
    }

    /// About a file.
    pub(crate) fn of_file(code: WarningCode, file: &str, message: Message) -> Warning {
        Warning { file: file.to_owned(), ..Warning::new(code, message) }
    }
}

/// `october.csv: has a header and no lines`
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}: ", self.file)?;
        }
        f.write_str(&self.message)
    }
}

/// Orders warnings by code, limits how many of one code there are, and marks those that are accepted.
pub(crate) fn arranged(mut warnings: Vec<Warning>, accepted: &[WarningCode]) -> Vec<Warning> {
    warnings.sort_by_key(|warning| warning.code);
    let mut arranged: Vec<Warning> = Vec::new();
    for of_code in warnings.chunk_by(|one, next| one.code == next.code) {
        let more = of_code.len().saturating_sub(MAX_PER_CODE);
        arranged.extend_from_slice(&of_code[..of_code.len() - more]);
        if more > 0 {
            let message = Message::worded(
                format!("and {more} more of this kind"),
                Wording::new("report-more", [("count", more.into())]),
            );
            arranged.push(Warning::new(of_code[0].code, message));
        }
    }
    for warning in &mut arranged {
        warning.accepted = warning.code.is_acceptable() && accepted.contains(&warning.code);
    }
    arranged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_by_their_names() {
        for (i, code) in WarningCode::ALL.into_iter().enumerate() {
            assert_eq!(WarningCode::of(code.name()), Some(code));
            assert_eq!(code as usize, i, "all of them, in their order");
        }
        assert_eq!(WarningCode::of("everything"), None);
    }

    #[test]
    fn warnings_are_limited_and_accepted_by_code() {
        let file = |code, i: usize| Warning::of_file(code, &format!("f{i}"), Message::untranslated("x"));
        let (empty, below) = (WarningCode::EmptyFile, WarningCode::BelowCost);
        let unnumbered = WarningCode::LinesWithoutInvoice;
        let mut given = vec![file(below, 0), file(unnumbered, 0)];
        given.extend((0..MAX_PER_CODE + 2).map(|i| file(empty, i)));
        let arranged = arranged(given, &[below, unnumbered]);
        assert_eq!(arranged.len(), MAX_PER_CODE + 3);
        assert_eq!(arranged[MAX_PER_CODE].to_string(), "and 2 more of this kind");
        let accepted: Vec<_> = arranged.iter().filter(|w| w.accepted).map(|w| w.code).collect();
        assert_eq!(accepted, [below], "what can be accepted");
        let shown = serde_json::to_value(arranged.last().unwrap()).unwrap();
        let expected = serde_json::json!({"code": "below_cost", "blocks": "finalize", "accepted": true, "file": "f0",
            "lines": 0, "amounts": [], "message": "x"});
        assert_eq!(shown, expected);
    }
}
