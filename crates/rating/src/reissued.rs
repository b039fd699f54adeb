//! Lines that equal final ones in all but the invoice number: an invoice that was issued again, perhaps.

use crate::currency::Currency;
use crate::identity::{InvoiceFingerprint, invoice_fingerprint};
use crate::job::Job;
use crate::reading::Worker;
use crate::row::Row;
use crate::warning::Tally;
use std::collections::BTreeSet;

/// Such lines of one final month.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reissued {
    pub(crate) lines: Tally,
    /// The invoices that they are on here, and there.
    here: BTreeSet<InvoiceFingerprint>,
    there: BTreeSet<InvoiceFingerprint>,
}

impl Reissued {
    /// Adds a line whose like is on the invoice `there`.
    pub(crate) fn add(&mut self, row: Row<'_>, there: InvoiceFingerprint, currency: Currency) {
        self.lines.add(currency, row.cost());
        self.here.insert(crate::identity::invoice_fingerprint_of(&row.key()));
        self.there.insert(there);
    }

    /// ` (G2 here, G1 there)`; what is not known is left out.
    pub(crate) fn invoices(&self, job: &Job, workers: &[Worker<'_>]) -> String {
        let parts = self.named(job, workers);
        let parts = parts.iter().zip(["here", "there"]).filter(|(numbers, _)| !numbers.is_empty());
        let parts: Vec<String> = parts.map(|(numbers, place)| format!("{numbers} {place}")).collect();
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
    }

    /// The numbers of the invoices; a dash where none is known.
    pub(crate) fn numbers(&self, job: &Job, workers: &[Worker<'_>]) -> String {
        let parts = self.named(job, workers);
        let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { "–".to_owned() } else { parts.join(", ") }
    }

    /// The numbers of the invoices of the lines, and of the final ones that they equal.
    fn named(&self, job: &Job, workers: &[Worker<'_>]) -> [String; 2] {
        let of_run = workers.iter().flat_map(|worker| worker.invoices.keys().map(Vec::as_slice));
        let of_job = job.billed_invoices.iter().map(|billed| billed.number.as_bytes());
        let named = |known: &BTreeSet<InvoiceFingerprint>, numbers: &mut dyn Iterator<Item = &[u8]>| {
            let numbers = numbers.filter(|number| known.contains(&invoice_fingerprint(number)));
            let numbers: BTreeSet<String> =
                numbers.map(|number| String::from_utf8_lossy(number).into_owned()).collect();
            numbers.into_iter().collect::<Vec<_>>().join(", ")
        };
        [named(&self.here, &mut { of_run }), named(&self.there, &mut { of_job })]
    }
}
