//! `tenantry admin bill verify`, `tenantry admin bill move-store`, and what `tenantry admin doctor` says of the store of bills.

use crate::config::secrets;
use crate::platform::Platform;
use crate::progress::MoveBar;
use anyhow::bail;
use app::{App, Clock};
use bill_storage::{Bills, Layout, Relocated, VerifiedLedgers, VerifyReport};
use serde_json::json;
use std::path::Path;
use store::doctor::{Check, Verdict};

pub(crate) async fn move_store(root: &str, platform: &Platform) -> anyhow::Result<()> {
    let bills = Bills::open(root, &secrets::of_object_store()?)?;
    if bills.layout().await? == Layout::Empty {
        bail!("there are no bills in {root}: nothing was moved");
    }
    let app = platform.open(Clock::System).await?;
    let bar = MoveBar::new();
    let moved = app.move_bill_store(&bills, &|done, total| bar.show(done, total)).await;
    bar.end();
    app.close().await;
    let Some(Relocated { moved, unowned }) = moved? else {
        println!("{root} has the partners in its paths already: nothing was moved");
        return Ok(());
    };
    for name in &unowned {
        println!("{name}  was not moved: it belongs to no partner of this database, or to several");
    }
    println!("{moved} files moved in {root}; check them with tenantry admin bill verify --complete");
    Ok(())
}

/// `known`: where the database is that knows which bills there must be.
pub(crate) async fn verify(
    folder: &str,
    root: &str,
    known: Option<Platform>,
    json: bool,
) -> anyhow::Result<()> {
    let is_url = ["s3://", "az://", "file:"].iter().any(|scheme| folder.starts_with(scheme));
    let (root, folder) = match folder {
        root if is_url => (root.to_owned(), ""),
        path if !path.is_empty() && Path::new(path).is_dir() => (format!("file:{path}"), ""),
        folder => (root.to_owned(), folder.trim_end_matches('/')),
    };
    let bills = Bills::open(&root, &secrets::of_object_store()?)?;
    let mut missing = Vec::new();
    if let Some(platform) = known {
        let app = platform.open(Clock::System).await?;
        let known = app.known_bill_files().await;
        app.close().await;
        let known = known?;
        if known.is_empty() {
            bail!("{} knows of no bill: is it the right database?", platform.database.shown());
        }
        missing = bills.missing(folder, known).await?;
    }
    let report = bills.verify(folder).await?;
    let ledgers = count(&report.ledgers);
    if json {
        let mut report = serde_json::to_value(&report)?;
        report["missing"] = json!(missing);
        println!("{report:#}");
    } else {
        print(&report, folder);
        missing.iter().for_each(|name| println!("{name}  is not there, and the database knows of it"));
    }
    if !report.is_good() || !missing.is_empty() {
        bail!("something is wrong with these bills or ledgers");
    }
    if report.bills.is_empty() && ledgers == 0 {
        bail!("there are no bills below {root}/{folder}; is that where they are?");
    }
    Ok(())
}

fn count(VerifiedLedgers { good, unknown, faults }: &VerifiedLedgers) -> usize {
    good + unknown.len() + faults.len()
}

fn print(report: &VerifyReport, folder: &str) {
    for bill in &report.bills {
        let totals: Vec<String> =
            bill.totals.iter().map(|total| format!("{} {}", total.charge, total.currency)).collect();
        println!("{}  {} files, {} bytes  {}", bill.prefix, bill.files, bill.bytes, totals.join(", "));
        bill.faults.iter().for_each(|fault| println!("    {fault}"));
    }
    report.unfinished.iter().for_each(|place| println!("{place}  has no manifest: it is not a bill"));
    println!("{} bills", report.bills.len());
    let VerifiedLedgers { unknown, faults, .. } = &report.ledgers;
    faults.iter().for_each(|fault| println!("{fault}"));
    unknown.iter().for_each(|place| println!("{place}  is of an earlier version, and has no digest"));
    match count(&report.ledgers) {
        0 if !folder.is_empty() => println!("no ledgers: these lie in _runs, below the root of all bills"),
        ledgers => println!("{ledgers} ledgers"),
    }
}

/// The checks of the store of bills: reachable, its layout, its permissions, whether it can put on condition.
pub(crate) async fn examine(root: &str) -> Vec<Check> {
    let check = |name, verdict, found: String, advice: &str| Check {
        name,
        verdict,
        found,
        advice: advice.to_owned(),
    };
    let opened = secrets::of_object_store().and_then(|settings| Ok(Bills::open(root, &settings)?));
    let bills = match opened {
        Ok(bills) => bills,
        Err(e) => {
            return vec![check("bills", Verdict::Problem, e.to_string(), "name another root with --bills")];
        }
    };
    let mut checks = vec![match bills.layout().await {
        Ok(Layout::Empty) => check("bills", Verdict::Fine, format!("no bills yet in {root}"), ""),
        Ok(Layout::Current) => check("bills", Verdict::Fine, root.to_owned(), ""),
        Ok(Layout::Old) => {
            let found =
                format!("{root} is laid out as version 0.1 left it, without the partner in its paths");
            check(
                "bills",
                Verdict::Problem,
                found,
                "stop all servers and run `tenantry admin bill move-store`",
            )
        }
        Err(e) => {
            let advice = "see that the store can be reached and read, and that --bills names it";
            return vec![check("bills", Verdict::Problem, e.to_string(), advice)];
        }
    }];
    if let Some(path) = root.strip_prefix("file:") {
        checks.push(match bills.exposed() {
            Ok(exposed) if exposed.count == 0 => {
                check("bill permissions", Verdict::Fine, "only this user can read them".into(), "")
            }
            Ok(exposed) => {
                let examples: Vec<String> =
                    exposed.examples.iter().map(|path| path.display().to_string()).collect();
                let found = format!(
                    "other users of this machine can read {} files and folders, such as {}",
                    exposed.count,
                    examples.join(", ")
                );
                check("bill permissions", Verdict::Problem, found, &format!("chmod -R go-rwx {path}"))
            }
            Err(e) => {
                check("bill permissions", Verdict::Problem, e.to_string(), "run doctor as the server's user")
            }
        });
    } else {
        checks.push(match bills.check_conditions().await {
            Ok(()) => check("bill conditions", Verdict::Fine, "the store puts on condition".into(), ""),
            Err(e) => {
                check("bill conditions", Verdict::Problem, e.to_string(), "move the bills to another store")
            }
        });
    }
    checks
}

/// The checks of what the database, the secret key and the store of bills say together: the audit trail of every partner,
/// every bill, and every ledger.
pub(crate) async fn examine_all(app: &App, root: &str) -> anyhow::Result<Vec<Check>> {
    let system = app.verify_system().await?;
    let mut trails = vec![("the server".to_owned(), system.events, system.problems)];
    for partner in app.partners().await? {
        let verdict = app.verify_audit(partner.id).await?;
        trails.push((partner.name, verdict.events, verdict.problems));
    }
    let mut checks = Vec::new();
    for (whose, events, problems) in trails {
        let found = format!("{whose}: {events} events");
        checks.push(match problems.first() {
            None => Check { name: "audit trail", verdict: Verdict::Fine, found, advice: String::new() },
            Some(problem) => Check {
                name: "audit trail",
                verdict: Verdict::Problem,
                found: format!("{found}, {} problems; the first: {problem}", problems.len()),
                advice:
                    "see that the secret key is that of this database; `tenantry admin audit verify` lists them"
                        .into(),
            },
        });
    }
    let bills = Bills::open(root, &secrets::of_object_store()?)?;
    let known = app.known_bill_files().await?;
    let (known_count, missing) = (known.len(), bills.missing("", known).await?);
    let report = bills.verify("").await?;
    let damaged = report.bills.iter().filter(|bill| !bill.faults.is_empty()).count();
    let found = format!(
        "{} bills and {} ledgers, {damaged} and {} of them damaged; {} of {known_count} that the database knows are missing",
        report.bills.len(),
        count(&report.ledgers),
        report.ledgers.faults.len(),
        missing.len()
    );
    let is_good = report.is_good() && missing.is_empty();
    checks.push(Check {
        name: "bills and ledgers",
        verdict: if is_good { Verdict::Fine } else { Verdict::Problem },
        found,
        advice: match is_good {
            true => String::new(),
            false => "put the files back from the backup of the bills; `tenantry admin bill verify --complete` lists them".into(),
        },
    });
    Ok(checks)
}
