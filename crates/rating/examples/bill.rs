//! Bills a file that `generate` made, every customer at a margin of 15 %, and says how long it took.
//!
//!     cargo run --release -p tenantry-rating --example bill -- FILE OUT [THREADS] [dry | split]

use std::path::PathBuf;
use std::time::Instant;
use tenantry_rating::{BilledCustomer, Bounds, EarnedCredit, Input, Job, Tenancy, Terms, run, split};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, out, more @ ..] = arguments.as_slice() else {
        eprintln!("usage: bill FILE OUT [THREADS] [dry | split]");
        std::process::exit(2);
    };
    let tenants = std::fs::read_to_string(format!("{file}.tenants")).expect("the tenants beside the file");
    let customers = tenants.lines().enumerate().map(|(i, tenant)| BilledCustomer {
        id: i as i64 + 1,
        name: format!("Customer {i}"),
        address: Vec::new(),
        tenants: vec![Tenancy::from(tenant)],
        terms: vec![Terms {
            from: None,
            billing_enabled: true,
            margin: domain::Margin::parse("15").expect("a margin"),
        }],
        folder: String::new(),
        previous_charge: Vec::new(),
        corrections: Vec::new(),
        payable_with: None,
        released: false,
    });
    let job = Job {
        period: "2026-10".parse().expect("a month"),
        invoice_id: None,
        issuer: "Tailspin Toys".to_owned(),
        issuer_address: Vec::new(),
        generated_at: 1_793_491_200,
        finalize: false,
        inputs: vec![Input { name: file.clone(), path: PathBuf::from(file) }],
        customers: customers.collect(),
        final_bills: Vec::new(),
        other_months: Vec::new(),
        acknowledged: Vec::new(),
        billed_invoices: Vec::new(),
        rules: Vec::new(),
        currency_rates: Vec::new(),
        earned_credit: EarnedCredit::Kept,
        expected_totals: Vec::new(),
        bounds: Bounds::default(),
        accept: Vec::new(),
        price_sheets: Vec::new(),
        parquet: false,
        focus_datasets: false,
        max_source_bytes: u64::MAX,
        threads: more.first().and_then(|threads| threads.parse().ok()).unwrap_or(2),
        out: PathBuf::from(out),
        dry_run: more.iter().any(|word| word == "dry"),
    };
    std::fs::create_dir(out).expect("a new folder");
    let started = Instant::now();
    let bills_only = more.iter().any(|word| word == "split");
    match if bills_only { split(&job, &()) } else { run(&job, &()) } {
        Ok(report) => {
            let total = &report.totals[0];
            println!(
                "{:.3} s, {} lines, {} bills, cost {}, charge {}, ties {}",
                started.elapsed().as_secs_f64(),
                report.progress.lines,
                report.customers.len(),
                total.cost,
                total.charge,
                report.checks.ties
            );
        }
        Err(failure) => {
            eprintln!("{failure}");
            std::process::exit(1);
        }
    }
}
