//! The second half of a run: every customer's lines in their order, written as its bill.

mod bounds;
mod files;

use crate::amount::{Amount, Decimal};
use crate::currency::Currency;
use crate::detail::Verdicts;
use crate::failure::Failure;
use crate::focus;
use crate::identity::{InvoiceFingerprint, invoice_fingerprint_of};
use crate::invoice_detail::{billing_period, invoice_detail};
use crate::job::{Correction, Job, Progress};
use crate::ledger::{self, Counts, FinalLedger, NO_INVOICE};
use crate::overlap::Overlap;
use crate::parquet;
use crate::period::BillingPeriod;
use crate::plural::{count_of, form_for};
use crate::price::{Prices, exchanged};
use crate::reading::{Worker, each};
use crate::reissued::Reissued;
use crate::report::{BilledBefore, CustomerBill, EarnedCreditSums};
use crate::row::KEY;
use crate::scale::CHARGE_PLACES;
use crate::scan::Scan;
use crate::source::Member;
use crate::spool::{Buffers, Merge, Spool};
use crate::statement::{Heading, Made, Statement};
use crate::subtotals::Subtotals;
use crate::sums::{Sums, currency_of};
use crate::table::Table;
use crate::warning::{Warning, WarningCode};
use crate::wording::{Message, Wording};
use bounds::held_back;
use files::{Files, Output, write_whole};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What all threads share while they write.
pub(crate) struct Writing<'a> {
    pub(crate) job: &'a Job,
    pub(crate) prices: &'a Prices<'a>,
    pub(crate) workers: &'a [Worker<'a>],
    pub(crate) verdicts: &'a Verdicts,
    pub(crate) finals: &'a FinalLedger<'a>,
    /// The final lines of other months.
    pub(crate) other_months: &'a [(BillingPeriod, FinalLedger<'a>)],
    pub(crate) members: &'a [Member],
    pub(crate) progress: &'a dyn Progress,
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
    /// Whether more than `bill.csv` is written.
    pub(crate) whole: bool,
}

/// One bill of a customer, and the cost of its lines, billed before or now.
pub(crate) struct Billed {
    pub(crate) bill: CustomerBill,
    pub(crate) costs: BTreeMap<Currency, Amount>,
    /// Where the month is final for a customer: the invoices of new lines, and of how many lines that are billed already.
    new: BTreeSet<InvoiceFingerprint>,
    found: Counts,
    /// Lines charged below, and far above, their cost: how many, their cost at the run's rate, and their charge.
    pub(crate) below_cost: (u64, Amount, Amount),
    pub(crate) far_above_cost: (u64, Amount, Amount),
    /// Lines that equal final ones of a month in all but the invoice number.
    pub(crate) reissued: BTreeMap<BillingPeriod, Reissued>,
    /// Final lines that are missing, by their digest: releasing the customer's bills acknowledges them.
    pub(crate) acknowledged: Vec<u64>,
}

/// What one thread keeps from one bill to the next.
struct WriterContext<'a> {
    buffers: Buffers,
    /// Of files, for the next.
    outputs: Vec<Vec<u8>>,
    overlap: Overlap<'a>,
    done: Vec<Billed>,
}

impl<'a> WriterContext<'a> {
    fn of(members: &'a [Member]) -> Self {
        WriterContext {
            buffers: Buffers::new(),
            outputs: Vec::new(),
            overlap: Overlap::of(members),
            done: Vec::new(),
        }
    }
}

impl<'a> Writing<'a> {
    /// Writes the bills of all customers that have lines or corrections. What is to be said of lines that are in two files
    /// goes to the warnings.
    ///
    /// # Errors
    /// Files whose lines would be billed twice; what the disk says.
    pub(crate) fn run(&self, warnings: &mut Vec<Warning>) -> Result<Vec<Billed>, Failure> {
        let mut bills: BTreeMap<usize, BTreeSet<Currency>> = BTreeMap::new();
        for worker in self.workers {
            for (customer, currency) in worker.bills.keys() {
                bills.entry(*customer).or_default().insert(*currency);
            }
        }
        for (i, customer) in self.job.customers.iter().enumerate() {
            for correction in &customer.corrections {
                bills.entry(i).or_default().insert(correction.currency);
            }
        }
        if !self.job.dry_run && !bills.is_empty() {
            let ledgers = self.job.out.join("ledgers");
            std::fs::create_dir(&ledgers).map_err(Failure::io("cannot create", &ledgers))?;
        }
        // The largest first, so that no thread is left alone with it.
        let mut work: Vec<(usize, Vec<Currency>)> = bills
            .into_iter()
            .map(|(customer, currencies)| (customer, currencies.into_iter().collect()))
            .collect();
        work.sort_by_cached_key(|(customer, currencies)| {
            let bytes = |currency: &Currency| {
                self.spools(*customer, *currency).map(|(spool, bill)| spool.bytes(bill)).sum::<u64>()
            };
            std::cmp::Reverse(currencies.iter().map(bytes).sum::<u64>())
        });

        let next = AtomicUsize::new(0);
        let written = AtomicUsize::new(0);
        let mut contexts: Vec<WriterContext<'_>> =
            (0..self.job.threads.max(1)).map(|_| WriterContext::of(self.members)).collect();
        each(&mut contexts, |context| {
            loop {
                let next = next.fetch_add(1, Ordering::Relaxed);
                if next == 0 {
                    self.compare_unbilled(context)?;
                    continue;
                }
                let Some((customer, currencies)) = work.get(next - 1) else { return Ok(()) };
                if self.progress.cancelled() {
                    return Err(Failure::Cancelled);
                }
                self.customer(*customer, currencies, context)?;
                let customers = written.fetch_add(1, Ordering::Relaxed) as u64 + 1;
                self.progress.at(self.bytes, self.bytes, self.lines, customers);
            }
        })?;
        let mut done: Vec<Billed> =
            contexts.iter_mut().flat_map(|context| std::mem::take(&mut context.done)).collect();
        let seen = contexts.into_iter().map(|context| context.overlap);
        warnings.extend(Overlap::judge(self.members, &self.job.inputs, seen)?);
        done.sort_by_key(|billed| (billed.bill.customer_id, billed.bill.currency));
        Ok(done)
    }

    /// Looks which lines that no customer is billed for are in several files.
    fn compare_unbilled(&self, context: &mut WriterContext<'_>) -> Result<(), Failure> {
        let spools = self.workers.iter().filter_map(|worker| Some((&worker.spool, worker.unbilled?)));
        let mut merge = Merge::of(spools, &mut context.buffers)?;
        merge.each(|row| {
            context.overlap.see(row.key(), row.member());
            Ok(())
        })?;
        merge.finish(&mut context.buffers);
        Ok(())
    }

    /// Where a bill's rows are: for each thread that read some, its spool, and the bill's number there.
    fn spools(&self, customer: usize, currency: Currency) -> impl Iterator<Item = (&'a Spool, u32)> {
        self.workers
            .iter()
            .filter_map(move |worker| Some((&worker.spool, *worker.bills.get(&(customer, currency))?)))
    }

    fn customer(
        &self,
        i: usize,
        currencies: &[Currency],
        context: &mut WriterContext<'_>,
    ) -> Result<(), Failure> {
        let customer = &self.job.customers[i];
        let folder = self.job.out.join(customer.id.to_string());
        if !self.job.dry_run {
            std::fs::create_dir(&folder).map_err(Failure::io("cannot create", &folder))?;
        }
        let mut bills = Vec::new();
        let repeated_before = context.overlap.repeated();
        for currency in currencies {
            let several = (currencies.len() > 1).then_some(currency.code());
            bills.push(self.bill(i, *currency, several, &folder, context)?);
        }
        if let Some((why, missing)) = self.changed(i, currencies, &bills, context)? {
            if !customer.released {
                bills.iter_mut().for_each(|billed| billed.bill.held_back.insert(0, why.clone()));
            } else if let Some(billed) = bills.first_mut() {
                billed.acknowledged = missing;
            }
        }
        let repeated = context.overlap.repeated() - repeated_before;
        if repeated > 0 && !customer.released && !self.job.accepts(WarningCode::OverlappingFiles) {
            let are = form_for(repeated, "is", "are");
            let why = format!("{repeated} of its lines {are} in two files, and would be billed twice");
            let why =
                Message::worded(why, Wording::new("report-held-repeated", [("lines", repeated.into())]));
            bills.iter_mut().for_each(|billed| billed.bill.held_back.push(why.clone()));
        }
        // A bill that is held back holds back the customer's others: they are published together.
        let held = bills.iter().any(|billed| !billed.bill.held_back.is_empty());
        let staged = bills.iter().any(|billed| billed.bill.staged.is_some());
        if !self.job.dry_run && (held || !staged) {
            std::fs::remove_dir_all(&folder).map_err(Failure::io("cannot remove", &folder))?;
        }
        for mut billed in bills {
            billed.bill.is_held_back = held;
            if held {
                billed.bill.staged = None;
                if let Some(ledger) = billed.bill.ledger.take() {
                    std::fs::remove_file(&ledger).map_err(Failure::io("cannot remove", &ledger))?;
                }
            }
            context.done.push(billed);
        }
        Ok(())
    }

    /// Why a customer's bills must be looked at, and the final lines that are missing and not acknowledged: the month is final,
    /// and of an invoice that has new lines some are gone that its tenants have on final bills. What was changed would be
    /// billed twice.
    fn changed(
        &self,
        i: usize,
        currencies: &[Currency],
        bills: &[Billed],
        context: &mut WriterContext<'_>,
    ) -> Result<Option<(Message, Vec<u64>)>, Failure> {
        if !self.finals.are_any() {
            return Ok(None);
        }
        let (mut finals, mut counts) = self.finals.of_customer(i)?;
        let new: BTreeSet<InvoiceFingerprint> =
            bills.iter().flat_map(|billed| billed.new.iter().copied()).collect();
        // Before there is an invoice, lines have none.
        counts.retain(|invoice, _| {
            new.contains(invoice) || *invoice == NO_INVOICE && !new.is_empty() || new.contains(&NO_INVOICE)
        });
        let found = bills.iter().flat_map(|billed| &billed.found);
        let found: u64 =
            found.filter(|(invoice, _)| counts.contains_key(*invoice)).map(|(_, count)| count).sum();
        let all: u64 = counts.values().sum();
        if all == found {
            return Ok(None);
        }
        // Seldom, so it may take one more look at the customer's lines to know which.
        let mut missing = Vec::new();
        let spools = currencies.iter().flat_map(|currency| self.spools(i, *currency));
        let mut merge = Merge::of(spools, &mut context.buffers)?;
        merge.each(|row| match self.verdicts.leaves_out(row.group(), row.kind()) {
            true => Ok(()),
            false => finals.contains_collecting_missing(&row.key(), &mut missing),
        })?;
        merge.finish(&mut context.buffers);
        finals.contains_collecting_missing(&[u8::MAX; KEY], &mut missing)?;
        missing.retain(|key| counts.contains_key(&invoice_fingerprint_of(key)));
        let unsearched = self.finals.unsearched(&missing);
        let lines: u64 = bills.iter().map(|billed| billed.bill.lines).sum();
        let why = format!(
            "{} of the {} that {} final already {} not among these, and {lines} {} new: were lines changed that are billed, or \
             are files missing?",
            unsearched.len(),
            count_of(all, "line"),
            form_for(all, "is", "are"),
            form_for(unsearched.len() as u64, "is", "are"),
            form_for(lines, "is", "are")
        );
        let wording = Wording::new(
            "report-held-missing",
            [("missing", unsearched.len().into()), ("all", all.into()), ("new", lines.into())],
        );
        Ok((!unsearched.is_empty()).then_some((Message::worded(why, wording), unsearched)))
    }

    /// Writes the bill of a customer in a currency. `several`: what tells its files from those of its other bills.
    fn bill(
        &self,
        i: usize,
        currency: Currency,
        several: Option<&str>,
        folder: &Path,
        context: &mut WriterContext<'_>,
    ) -> Result<Billed, Failure> {
        let (job, customer) = (self.job, &self.job.customers[i]);
        let code = currency.code();
        let corrections: Vec<&Correction> =
            customer.corrections.iter().filter(|correction| correction.currency == currency).collect();
        let (mut finals, _) = self.finals.of_customer(i)?;
        let mut elsewhere = Vec::with_capacity(self.other_months.len());
        for (month, ledger) in self.other_months {
            elsewhere.push((*month, ledger.of_customer(i)?.0));
        }
        let is_correction = job.final_bills.iter().any(|bill| bill.customer_id == customer.id);
        let kinds = self.workers.iter().fold(0, |kinds, worker| {
            let bill = worker.bills.get(&(i, currency));
            kinds | bill.map_or(0, |bill| worker.kinds[*bill as usize])
        });
        let table = Table::of(kinds);
        let name = |name: &str, extension: &str| match several {
            Some(code) => folder.join(format!("{name}.{code}.{extension}")),
            None => folder.join(format!("{name}.{extension}")),
        };
        let ledger = match several {
            Some(code) => format!("{}.{code}.csv", customer.id),
            None => format!("{}.csv", customer.id),
        };
        let ledger = job.out.join("ledgers").join(ledger);
        // A correction is payable with another statement, whose FOCUS rows have it: here they would count twice.
        let has_focus = self.whole && !is_correction;
        let focus_bill = focus::Bill {
            customer_id: customer.id,
            customer: &customer.name,
            currency: code,
            issuer: &job.issuer,
            first_day: job.period.first_day(),
            end: job.period.end(),
            is_correction,
            has_details: has_focus && job.focus_datasets,
        };
        let mut out = match job.dry_run {
            true => None,
            false => Some(Files {
                bill: Output::create(name("bill", "csv"), true, &mut context.outputs)?,
                focus: Output::create(name("bill.focus", "csv"), has_focus, &mut context.outputs)?,
                ledger: Output::create(ledger.clone(), self.whole, &mut context.outputs)?,
                parquet: match job.parquet && has_focus {
                    true => Some(parquet::Writer::create(name("bill.focus", "parquet"))?),
                    false => None,
                },
                whole: self.whole,
                focus_rows: focus::Writer::of(&focus_bill),
            }),
        };
        if let Some(files) = &mut out {
            table.header(&mut files.bill.buffer);
            files.ledger.buffer.extend_from_slice(ledger::HEADER.as_bytes());
            focus::Writer::header(&mut files.focus.buffer);
        }

        let mut sums = Sums::default();
        let (mut new, mut found) = (BTreeSet::new(), Counts::new());
        let mut subtotals = Subtotals::default();
        let period = job.period.to_string();
        let (mut scan, mut charge) = (Scan::default(), Vec::new());
        let reasons = ledger::Reasons::of(customer, self.prices);
        let mut rates = Vec::new();
        let mut merge = Merge::of(self.spools(i, currency), &mut context.buffers)?;
        merge.each(|row| {
            let key = row.key();
            context.overlap.see(key, row.member());
            if self.verdicts.leaves_out(row.group(), row.kind()) {
                return Ok(());
            }
            let cost = sums.costs.entry(row.currency()).or_default();
            if self.finals.are_any() {
                if finals.contains_and_count(&key)? {
                    cost.0 += row.cost();
                    sums.before += 1;
                    *found.entry(invoice_fingerprint_of(&key)).or_default() += 1;
                    return Ok(());
                }
                new.insert(invoice_fingerprint_of(&key));
                if let Some(there) = finals.under_another_invoice(&key, row.content())?
                    && let Some(currency) = currency_of(row.currency())
                {
                    sums.reissued.entry(job.period).or_default().add(row, there, currency);
                }
            }
            for (month, lines) in &mut elsewhere {
                if let Some(there) = lines.under_another_invoice(&key, row.content())?
                    && let Some(currency) = currency_of(row.currency())
                {
                    sums.reissued.entry(*month).or_default().add(row, there, currency);
                    break;
                }
            }
            cost.1 += row.cost();
            sums.lines += 1;
            sums.charge += row.charge();
            let (cost, credit) = sums.compare(row, &mut rates, self.prices);
            let Some(files) = &mut out else { return Ok(()) };
            charge.clear();
            Amount::of(row.charge(), CHARGE_PLACES).push(&mut charge);
            table.line(row, &mut scan, &mut files.bill.buffer);
            files.bill.buffer.push(b',');
            let unit = row.unit();
            if let Some(price) = unit.price {
                price.push(&mut files.bill.buffer);
            }
            files.bill.buffer.push(b',');
            files.bill.buffer.extend_from_slice(&charge);
            files.bill.buffer.push(b',');
            files.bill.buffer.extend_from_slice(code.as_bytes());
            files.bill.buffer.push(b'\n');
            if !files.whole {
                return files.flush();
            }
            subtotals.add(row, unit, &period, cost, credit);
            ledger::push(row, &charge, code, &reasons, &mut files.ledger.buffer);
            let begin = files.focus.buffer.len();
            files.focus_rows.line(row, unit, &charge, &mut files.focus.buffer);
            files.parquet(begin)?;
            files.flush()
        })?;
        merge.finish(&mut context.buffers);

        let corrected: Amount = corrections.iter().map(|correction| correction.amount).sum();
        let exact = Amount::of(sums.charge, CHARGE_PLACES) + corrected;
        let total = exact.rounded(currency.minor_unit());
        let rounding = total - exact;
        if let Some(files) = &mut out {
            let begin = files.focus.buffer.len();
            for correction in &corrections {
                let text = format!("Correction of {}, version {}", correction.period, correction.version);
                let days = Some((correction.period.first_day(), correction.period.end()));
                table.adjustment_row(
                    &text,
                    "correction",
                    customer,
                    correction.amount,
                    code,
                    &mut files.bill.buffer,
                );
                ledger::push_adjustment("correction", correction.amount, code, &mut files.ledger.buffer);
                files.focus_rows.adjustment_row(&text, correction.amount, days, &mut files.focus.buffer);
            }
            if !rounding.is_zero() {
                table.adjustment_row(
                    "Rounding",
                    "rounding",
                    customer,
                    rounding,
                    code,
                    &mut files.bill.buffer,
                );
                ledger::push_adjustment("rounding", rounding, code, &mut files.ledger.buffer);
                files.focus_rows.adjustment_row("Rounding", rounding, None, &mut files.focus.buffer);
            }
            files.parquet(begin)?;
        }

        let (mut before, mut cost) = (Amount::ZERO, Amount::ZERO);
        let mut costs = BTreeMap::new();
        for (of, (billed, new)) in &sums.costs {
            let Some(of) = currency_of(*of) else { continue };
            let rate = self.prices.bill_currency(of).map_or(Decimal::default(), |(_, rate)| rate);
            before += exchanged(*billed, rate);
            cost += exchanged(*new, rate);
            costs.insert(of, *billed + *new);
        }
        let mut bill = CustomerBill {
            customer_id: customer.id,
            name: customer.name.clone(),
            currency,
            lines: sums.lines,
            cost,
            charge: total,
            rounding,
            corrections: corrected,
            adjustments: corrections.len() as u64 + u64::from(!rounding.is_zero()),
            billed_before: BilledBefore { lines: sums.before, cost: before },
            earned_credit: EarnedCreditSums {
                kept: Amount::of(sums.credit_kept, CHARGE_PLACES),
                passed_on: Amount::of(sums.credit_passed_on, CHARGE_PLACES),
                unknown_lines: sums.credit_unknown.0,
                unknown_cost: sums.credit_unknown.1,
            },
            held_back: Vec::new(),
            is_held_back: false,
            staged: None,
            ledger: None,
            is_correction,
            sums: subtotals.line_sums(rounding),
        };
        bill.held_back = held_back(job, customer, &bill);
        if !customer.released && !job.accepts(WarningCode::ReissuedInvoice) {
            let why = |(month, reissued): (&BillingPeriod, &Reissued)| {
                let counted = reissued.lines.counted();
                let text = format!(
                    "{} of its lines, which {} {}, {} final in {month} under another invoice number{}: was the invoice issued \
                     again, and is its credit note missing?",
                    counted.lines,
                    form_for(counted.lines, "costs", "cost"),
                    counted.money(),
                    form_for(counted.lines, "is", "are"),
                    reissued.invoices(job, self.workers)
                );
                let wording = Wording::new(
                    "report-held-reissued",
                    [
                        ("lines", counted.lines.into()),
                        ("cost", (&counted).into()),
                        ("month", (*month).into()),
                        ("invoices", reissued.numbers(job, self.workers).into()),
                    ],
                );
                Message::worded(text, wording)
            };
            bill.held_back.extend(sums.reissued.iter().map(why));
        }
        let is_empty = sums.lines == 0 && corrections.is_empty();
        if let Some(files) = out {
            let details = files.focus_rows.details().map(|details| {
                invoice_detail(&focus_bill, job.generated_at, details, &corrections, rounding)
            });
            files.finish(&mut context.outputs)?;
            if is_empty {
                let focus = has_focus.then(|| name("bill.focus", "csv"));
                let parquet = (has_focus && job.parquet).then(|| name("bill.focus", "parquet"));
                for path in [name("bill", "csv"), ledger.clone()].into_iter().chain(focus).chain(parquet) {
                    std::fs::remove_file(&path).map_err(Failure::io("cannot remove", &path))?;
                }
            } else {
                bill.staged = Some(folder.to_owned());
            }
            if !is_empty && self.whole {
                let statement = Statement::of(
                    job,
                    Made {
                        customer_id: customer.id,
                        currency,
                        total,
                        rounding,
                        lines: sums.lines,
                        corrections: &corrections,
                        is_correction,
                        payable_with: customer.payable_with,
                        subtotals: &subtotals,
                    },
                );
                write_whole(&name("statement", "json"), &statement.json())?;
                let heading = Heading {
                    issuer: &job.issuer,
                    issuer_address: &job.issuer_address,
                    customer: &customer.name,
                    customer_address: &customer.address,
                    currency,
                };
                write_whole(&name("statement", "html"), &statement.html(&heading))?;
                if let Some(details) = details {
                    write_whole(&name("statement.invoice-detail", "csv"), &details)?;
                    // Of the month, whatever the currencies are.
                    let period = billing_period(&focus_bill, job.generated_at);
                    write_whole(&folder.join("statement.billing-period.csv"), &period)?;
                }
                bill.ledger = Some(ledger);
            }
        }
        let exact =
            |(lines, cost, charge): (u64, Amount, i128)| (lines, cost, Amount::of(charge, CHARGE_PLACES));
        let (below_cost, far_above_cost) = (exact(sums.below_cost), exact(sums.far_above_cost));
        let reissued = sums.reissued;
        Ok(Billed { bill, costs, new, found, below_cost, far_above_cost, reissued, acknowledged: Vec::new() })
    }
}
