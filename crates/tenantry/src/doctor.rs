//! `tenantry doctor`

use crate::platform::{Database, KeyFile, exposed};
use anyhow::bail;
use app::Clock;
use clap::Args;
use serde_json::json;
use store::doctor::{Check, Verdict};

/// Look at the database and its settings; say what is wrong and what to do. Changes nothing. Exit status 1 if there is
/// a problem.
#[derive(Args)]
pub(crate) struct DoctorArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    key_file: KeyFile,
}

/// Where the secret key is, and whether others may read it.
fn secret_key(args: &DoctorArgs) -> Check {
    let path = args.key_file.path(&args.database);
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
    let mut checks = store::doctor::examine(args.database.url(), &|| Clock::System.now()).await;
    checks.push(secret_key(&args));
    let problems = checks.iter().filter(|check| check.verdict == Verdict::Problem).count();
    if args.json {
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

fn print(check: &Check) {
    println!("{:<8} {:<20} {}", check.verdict.as_str(), check.name, check.found);
    if !check.advice.is_empty() {
        println!("{:<29} -> {}", "", check.advice);
    }
}
