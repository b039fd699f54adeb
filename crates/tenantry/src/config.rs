//! The configuration: flags come before environment variables, these before the configuration file, that before defaults.
//! `tenantry config …` shows it.

mod file;
mod options;
mod reference;
pub(crate) mod secrets;

use crate::{Cli, command_line, output, serve};
use anyhow::bail;
use clap::parser::ValueSource;
use clap::{Args, FromArgMatches, Subcommand};
use file::File;
use options::{AllGiven, Given, Setting};
use serde_json::json;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Name of an option that all commands have that work on the database.
const DATABASE: &str = "allow_unsafe_database";
/// Shown in place of a secret.
const MASK: &str = "(secret)";

/// Where the configuration is.
#[derive(Args, Clone)]
pub(crate) struct ConfigArgs {
    /// The configuration file; `none` for none [default: tenantry.toml in the current folder, else
    /// /etc/tenantry/tenantry.toml, where there is one]
    #[arg(long, env = "TENANTRY_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

/// Look at the configuration: of the file, the environment and the options that are given here.
#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read it as `serve` would, and say everything that is wrong with it. Exit status 1 if there is something.
    Check(Box<Shown>),
    /// Show each value and where it is from. Secrets are not shown.
    Show(Box<Shown>),
    /// Print what can be configured, as Markdown.
    Reference,
}

/// What is looked at.
#[derive(Args)]
pub(crate) struct Shown {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

/// A value of the configuration.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Effective {
    section: String,
    key: String,
    variable: String,
    values: Vec<String>,
    from: String,
    is_secret: bool,
}

impl Effective {
    /// Name of the value, such as `network.listen`.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    fn shown(&self) -> String {
        if self.is_secret && !self.values.is_empty() { MASK.to_owned() } else { self.values.join(",") }
    }
}

/// A configuration that was read.
pub(crate) struct Loaded {
    pub(crate) cli: Cli,
    /// Values of the options of `serve`, for a command that has them.
    pub(crate) effective: Vec<Effective>,
    file: Option<PathBuf>,
    holds_secret: bool,
}

/// The configuration of this process; where it cannot be had, this says why and ends the process.
pub(crate) fn load_or_exit() -> Cli {
    match load() {
        Ok(loaded) => loaded.cli,
        Err(wrong) => wrong.exit(),
    }
}

/// Why there is no configuration.
pub(crate) enum Wrong {
    /// The command line, or a request for help.
    Usage(clap::Error),
    /// Everything that is wrong with the file, with a file of a secret, or with the environment.
    File(Vec<String>),
}

impl Wrong {
    fn exit(self) -> ! {
        match self {
            Wrong::Usage(error) => error.exit(),
            Wrong::File(lines) => {
                lines.iter().for_each(|line| eprintln!("tenantry: {line}"));
                std::process::exit(1)
            }
        }
    }

    /// Everything, on lines of their own.
    pub(crate) fn lines(self) -> Vec<String> {
        match self {
            Wrong::Usage(error) => vec![error.to_string().trim_end().to_owned()],
            Wrong::File(lines) => lines,
        }
    }
}

/// Read the configuration, now.
pub(crate) fn load() -> Result<Loaded, Wrong> {
    let command = command_line();
    let usage = |error: clap::Error| match options::of_environment(&error, &command) {
        Some(line) => Wrong::File(vec![line]),
        None => Wrong::Usage(error),
    };
    let matches = options::without_required_secrets(command.clone()).try_get_matches().map_err(usage)?;
    let is_reference = matches
        .subcommand()
        .is_some_and(|(name, inner)| name == "config" && inner.subcommand_name() == Some("reference"));
    if is_reference || innermost(&matches).try_contains_id(DATABASE).is_err() {
        // A command that works over HTTP needs no server's configuration, and may not be allowed to read it. The reference is
        // asked for when something is wrong with it.
        let cli = Cli::from_arg_matches(&matches).map_err(Wrong::Usage)?;
        return Ok(Loaded { cli, effective: Vec::new(), file: None, holds_secret: false });
    }
    let settings = options::settings(&command);
    let (given, file, wrong) = given(&settings, &options::secret_variables(&command));
    if !wrong.is_empty() {
        return Err(Wrong::File(wrong));
    }
    let holds_secret = settings.iter().any(|setting| {
        let in_file = |given: &Given| {
            file.as_ref().is_some_and(|file| given.from.starts_with(&*file.to_string_lossy()))
        };
        // The path of a SQLite database is not a secret.
        let is_path = |given: &Given| given.values.iter().all(|value| value.starts_with("sqlite:"));
        let holds = |given: &Given| in_file(given) && !is_path(given);
        setting.is_secret() && given.get(&setting.variable).is_some_and(holds)
    });
    let matches = options::with_defaults(command.clone(), &given).try_get_matches().map_err(usage)?;
    let cli = Cli::from_arg_matches(&matches).map_err(Wrong::Usage)?;
    let matches = innermost(&matches);
    let effective = settings.iter().filter_map(|setting| effective(setting, matches, &given)).collect();
    Ok(Loaded { cli, effective, file, holds_secret })
}

/// What was given to the command itself.
fn innermost(matches: &clap::ArgMatches) -> &clap::ArgMatches {
    matches.subcommand().map_or(matches, |(_, inner)| innermost(inner))
}

/// What the file and the files of secrets give, the file, and everything that is wrong.
fn given(
    settings: &[Setting],
    secret_variables: &BTreeSet<String>,
) -> (AllGiven, Option<PathBuf>, Vec<String>) {
    let (mut given, mut wrong) = (AllGiven::new(), Vec::new());
    let path = file::find(named());
    if let Some(path) = &path {
        match File::read(path) {
            Ok(file) => (given, wrong) = options::given_by(&file, settings),
            Err(errors) => wrong = errors,
        }
    }
    for variable in secret_variables {
        let found = secrets::file_of(variable)
            .and_then(|file| file.map(|file| Ok((secrets::read(variable, &file)?, file))).transpose());
        match found {
            Ok(None) => {}
            Ok(Some((secret, file))) => {
                let from = format!("the file {}", file.display());
                given.insert(variable.clone(), Given { values: vec![secret], from });
            }
            Err(error) => wrong.push(format!("{error:#}")),
        }
    }
    (given, path, wrong)
}

/// The configuration file that is named. Looked for before anything is parsed, because its values take part in that.
fn named() -> Option<PathBuf> {
    let mut args = std::env::args_os().skip(1).take_while(|arg| arg != "--");
    while let Some(arg) = args.next() {
        if arg == "--config" {
            return args.next().map(PathBuf::from);
        }
        if let Some(path) = arg.to_str().and_then(|arg| arg.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    std::env::var_os("TENANTRY_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn effective(setting: &Setting, matches: &clap::ArgMatches, given: &AllGiven) -> Option<Effective> {
    let id = setting.arg().get_id().as_str();
    let values: Vec<OsString> = match matches.try_get_raw(id) {
        Ok(raw) => raw.into_iter().flatten().map(OsString::from).collect(),
        Err(_) => return None, // the command does not have it
    };
    let from = match matches.value_source(id) {
        Some(ValueSource::CommandLine) => format!("--{}", setting.key),
        Some(ValueSource::EnvVariable) => setting.variable.clone(),
        _ => given.get(&setting.variable).map_or_else(|| "default".to_owned(), |given| given.from.clone()),
    };
    let values = values.into_iter().map(|value| value.to_string_lossy().into_owned()).collect();
    let (section, key, variable) = (setting.section.clone(), setting.key.clone(), setting.variable.clone());
    Some(Effective { section, key, variable, values, from, is_secret: setting.is_secret() })
}

/// `tenantry config …`.
pub(crate) fn run(command: ConfigCommand) -> anyhow::Result<()> {
    let shown = match command {
        ConfigCommand::Reference => {
            println!("{}", reference::page(&options::settings(&command_line())));
            return Ok(());
        }
        ConfigCommand::Check(shown) => {
            return check(&shown);
        }
        ConfigCommand::Show(shown) => shown,
    };
    let loaded = load().map_err(|wrong| anyhow::anyhow!("{}", wrong.lines().join("\n")))?;
    if shown.json {
        let values = loaded.effective.iter().map(|value| {
            json!({
                "section": value.section, "key": value.key, "variable": value.variable, "value": value.shown(), "from": value.from,
            })
        });
        println!("{:#}", json!({"file": loaded.file, "values": values.collect::<Vec<_>>()}));
        return output::check();
    }
    let width = loaded.effective.iter().map(|value| value.name().len()).max().unwrap_or_default();
    for value in &loaded.effective {
        println!("{:<width$}  {:<32}  {}", value.name(), value.shown(), value.from);
    }
    Ok(())
}

/// The file, the environment and the options are right by now; what they refer to is looked at here.
fn check(shown: &Shown) -> anyhow::Result<()> {
    let loaded = load().map_err(|wrong| anyhow::anyhow!("{}", wrong.lines().join("\n")))?;
    let mut wrong = Vec::new();
    if let Some(file) = loaded.file.as_ref().filter(|_| loaded.holds_secret) {
        let mode = std::fs::metadata(file)?.mode() & 0o777;
        if mode & 0o007 != 0 {
            let path = file.display();
            wrong.push(format!(
                "{path} holds a secret, and others on this machine may read it (mode {mode:04o}): chmod 640 {path}, or \
                 name a file that holds it (database-file)"
            ));
        }
    }
    wrong.extend(shown.serve.problems());
    wrong.extend(shown.serve.obstacles());
    let from_file = loaded.effective.iter().filter(|value| value.from != "default").count();
    let file = loaded.file.as_ref().map_or("there is no file".to_owned(), |file| file.display().to_string());
    if shown.json {
        println!("{:#}", json!({"file": loaded.file, "fine": wrong.is_empty(), "problems": wrong}));
    } else {
        wrong.iter().for_each(|line| println!("{line}"));
    }
    match wrong.len() {
        0 if shown.json => Ok(()),
        0 => {
            println!("{file}: fine; {from_file} values are not the defaults");
            Ok(())
        }
        1 => bail!("there is a problem"),
        many => bail!("there are {many} problems"),
    }
}

/// Names of the values that differ between two configurations, and may have changed while the server runs.
pub(crate) fn changed(before: &[Effective], after: &[Effective]) -> Vec<String> {
    let value =
        |all: &[Effective], name: &str| all.iter().find(|v| v.name() == name).map(|v| v.values.clone());
    let names = after.iter().map(Effective::name);
    names.filter(|name| value(before, name) != value(after, name)).collect()
}
