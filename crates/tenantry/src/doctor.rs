//! `tenantry admin doctor`

use crate::bill_store;
use crate::platform::{Platform, exposed};
use anyhow::bail;
use app::Clock;
use clap::Args;
use serde_json::json;
use store::doctor::{Check, Verdict};

/// Look at the database, the store of bills and their settings; say what is wrong and what to do. Changes nothing. Exit
/// status 1 if there is a problem.
#[derive(Args)]
pub(crate) struct DoctorArgs {
    /// Verify everything besides: every audit trail, and every bill and ledger, those that the database knows and that are
    /// missing too. For a restored backup.
    #[arg(long)]
    all: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// The root that bills are below.
    #[arg(long, env = "TENANTRY_BILLS", value_name = "URL", default_value = "file:data/bills")]
    bills: String,
    #[command(flatten)]
    platform: Box<Platform>,
}

/// Where the secret key is, and whether others may read it.
fn secret_key(platform: &Platform) -> Check {
    let path = platform.key_file.path(&platform.database);
    let (verdict, found, advice) = match exposed(&path) {
        Ok(None) => (Verdict::Fine, path.display().to_string(), String::new()),
        Ok(Some(found)) => {
            let advice = format!("chmod 600 {}: the server refuses to start with it", path.display());
            (Verdict::Problem, found, advice)
        }
        Err(error) => {
            let advice = "name it with --secret-key-file, to have it looked at as well".to_owned();
            (Verdict::Warning, format!("{}: {error}", path.display()), advice)
        }
    };
    Check { name: "secret key", verdict, found, advice }
}

pub(crate) async fn run(args: DoctorArgs) -> anyhow::Result<()> {
    let DoctorArgs { all, json, bills, platform } = args;
    let mut checks = store::doctor::examine(platform.database.url(), &|| Clock::System.now()).await;
    checks.push(secret_key(&platform));
    checks.extend(bill_store::examine(&bills).await);
    if all {
        checks.extend(verified(&checks, &bills, &platform).await);
    }
    let problems = checks.iter().filter(|check| check.verdict == Verdict::Problem).count();
    if json {
        let list: Vec<_> = checks
            .iter()
            .map(|c| json!({"check": c.name, "verdict": c.verdict.as_str(), "found": c.found, "advice": c.advice}))
            .collect();
        println!("{:#}", json!({"fine": problems == 0, "checks": list}));
    } else {
        checks.iter().for_each(print);
    }
    match problems {
        0 => Ok(()),
        1 => bail!("there is a problem"),
        many => bail!("there are {many} problems"),
    }
}

/// The checks of `--all`. Opening the database would bring it up to date, and make a secret key that is missing, so both must
/// be in order.
async fn verified(before: &[Check], bills: &str, platform: &Platform) -> Vec<Check> {
    let problem = |found: String, advice: &str| {
        vec![Check { name: "verification", verdict: Verdict::Problem, found, advice: advice.to_owned() }]
    };
    let is_fine = |check: &Check| check.name != "schema" || check.verdict == Verdict::Fine;
    if before.iter().any(|check| check.verdict == Verdict::Problem && check.name == "access")
        || !before.iter().all(is_fine)
    {
        return problem(
            "was not done".into(),
            "see to the database first; the server's start brings it up to date",
        );
    }
    let key = platform.key_file.path(&platform.database);
    if !key.exists() {
        let found = format!("there is no secret key file {}", key.display());
        return problem(found, "put the copy of it there, or name it with --secret-key-file");
    }
    let app = match platform.open(Clock::System).await {
        Ok(app) => app,
        Err(error) => {
            return problem(format!("{error:#}"), "see that the secret key is that of this database");
        }
    };
    let found = bill_store::examine_all(&app, bills).await;
    app.close().await;
    found.unwrap_or_else(|error| {
        problem(format!("{error:#}"), "see that the database and the store can be read")
    })
}

fn print(check: &Check) {
    println!("{:<8} {:<20} {}", check.verdict.as_str(), check.name, check.found);
    if !check.advice.is_empty() {
        println!("{:<29} -> {}", "", check.advice);
    }
}
