//! The options that a configuration may have: those of `serve`, as the command line defines them. Their long names are the
//! file's keys, their headings its sections.

use super::file::{Entry, File};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::num::{IntErrorKind, ParseIntError};

/// An option.
pub(super) struct Setting {
    arg: Arg,
    pub(super) section: String,
    pub(super) key: String,
    pub(super) variable: String,
}

impl Setting {
    /// A value that says yes or no.
    pub(super) fn is_switch(&self) -> bool {
        matches!(self.arg.get_action(), ArgAction::SetTrue)
    }

    /// Several values, or one text that has several.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.arg.get_action(), ArgAction::Append)
    }

    /// A value that is shown to nobody, and that may come from a file of its own.
    pub(super) fn is_secret(&self) -> bool {
        self.arg.is_hide_env_values_set()
    }

    pub(super) fn arg(&self) -> &Arg {
        &self.arg
    }
}

/// Every option of `serve`, and those that all commands have, by sections in the order of the help.
pub(super) fn settings(command: &Command) -> Vec<Setting> {
    let serve = command.find_subcommand("serve").into_iter().flat_map(Command::get_arguments);
    let everywhere = command.get_arguments().filter(|arg| arg.is_global_set());
    let settings = serve.chain(everywhere).filter_map(|arg| {
        let (heading, key, variable) = (arg.get_help_heading()?, arg.get_long()?, arg.get_env()?);
        Some(Setting {
            arg: arg.clone(),
            section: heading.to_lowercase(),
            key: key.to_owned(),
            variable: variable.to_string_lossy().into_owned(),
        })
    });
    let mut settings: Vec<Setting> = settings.collect();
    let mut sections: Vec<String> = Vec::new();
    for setting in &settings {
        if !sections.contains(&setting.section) {
            sections.push(setting.section.clone());
        }
    }
    settings.sort_by_key(|setting| sections.iter().position(|section| *section == setting.section));
    settings
}

/// The variables of secrets, of every command.
pub(super) fn secret_variables(command: &Command) -> BTreeSet<String> {
    let secret = command.get_arguments().filter(|arg| arg.is_hide_env_values_set());
    let own = secret.filter_map(|arg| Some(arg.get_env()?.to_string_lossy().into_owned()));
    own.chain(command.get_subcommands().flat_map(secret_variables)).collect()
}

/// The commands, none of whose secrets has to be given: a file may have it, which is looked at later.
pub(super) fn without_required_secrets(command: Command) -> Command {
    let put = |arg: Arg| if arg.is_hide_env_values_set() { arg.required(false) } else { arg };
    command.mut_args(put).mut_subcommands(without_required_secrets)
}

/// A value that neither the command line nor the environment has given, and where it is from.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) values: Vec<String>,
    pub(super) from: String,
}

/// Values by environment variable.
pub(super) type AllGiven = BTreeMap<String, Given>;

/// What a file says, and everything that is wrong with it.
pub(super) fn given_by(file: &File, settings: &[Setting]) -> (AllGiven, Vec<String>) {
    let (mut given, mut wrong) = (AllGiven::new(), Vec::new());
    for entry in &file.entries {
        match value_of(entry, settings) {
            Ok((setting, values, from)) => {
                let line = file.line(entry.key_at);
                let from = from.unwrap_or_else(|| format!("{}:{line}", file.path.display()));
                if given.insert(setting.variable.clone(), Given { values, from }).is_some() {
                    let place = file.place(entry.key_at);
                    wrong.push(format!("{place}: {}.{} is given twice", entry.section, entry.key));
                }
            }
            Err(Wrong::Key(why)) => wrong.push(format!("{}: {why}", file.place(entry.key_at))),
            Err(Wrong::Value(why)) => {
                let place = file.place(entry.value_at);
                wrong.push(format!("{place}: {}.{} {why}", entry.section, entry.key));
            }
        }
    }
    (given, wrong)
}

enum Wrong {
    Key(String),
    Value(String),
}

/// The setting of an entry, its values, and where they are from if that is not the entry itself.
fn value_of<'s>(
    entry: &Entry,
    settings: &'s [Setting],
) -> Result<(&'s Setting, Vec<String>, Option<String>), Wrong> {
    let mut in_file = false;
    let found = settings.iter().find(|setting| setting.section == entry.section && setting.key == entry.key);
    let found = found.or_else(|| {
        let key = entry.key.strip_suffix("-file")?;
        in_file = true;
        settings.iter().find(|s| s.section == entry.section && s.key == key && s.is_secret())
    });
    let setting = found.ok_or_else(|| Wrong::Key(unknown(entry, settings)))?;
    let values = entry.values.clone().map_err(|why| Wrong::Value(why.to_owned()))?;
    if in_file {
        let path = values.join(",");
        let secret = super::secrets::read(&entry.key, path.as_ref());
        let secret = secret.map_err(|error| Wrong::Value(format!("is of no use: {error:#}")))?;
        return Ok((setting, vec![secret], Some(format!("the file {path}"))));
    }
    // One text with commas in it, as the command line has it.
    let values = if setting.is_list() || values.len() == 1 { values } else { vec![values.join(",")] };
    check(setting, &values).map_err(Wrong::Value)?;
    Ok((setting, values, None))
}

/// What is said of a key that is none.
fn unknown(entry: &Entry, settings: &[Setting]) -> String {
    let Entry { section, key, .. } = entry;
    let here = || settings.iter().filter(|setting| setting.section == *section);
    let keys = |all: &mut dyn Iterator<Item = &Setting>| {
        let names: Vec<String> = all.map(|setting| setting.key.clone()).collect();
        domain::near::near(key, names.iter().map(String::as_str)).map(str::to_owned)
    };
    if here().next().is_none() {
        let sections: Vec<&str> = settings.iter().map(|setting| setting.section.as_str()).collect();
        let meant = domain::near::near(section, sections.iter().copied());
        let meant = meant.map_or(String::new(), |meant| format!(": did you mean [{meant}]?"));
        return format!("there is no section [{section}]{meant}");
    }
    if let Some(elsewhere) = settings.iter().find(|setting| setting.key == *key) {
        return format!("{key} belongs into the section [{}], not into [{section}]", elsewhere.section);
    }
    let meant = keys(&mut here()).or_else(|| keys(&mut settings.iter()));
    match meant {
        Some(meant) => format!("there is no key {key} in [{section}]: did you mean {meant}?"),
        None => format!("there is no key {key} in [{section}]; `tenantry config reference` lists them all"),
    }
}

/// Whether the command line would take these values; what it says of them if not.
fn check(setting: &Setting, values: &[String]) -> Result<(), String> {
    let shown = || if setting.is_secret() { "…".to_owned() } else { values.join(",") };
    if setting.is_switch() {
        return match values {
            [value] if value == "true" || value == "false" => Ok(()),
            _ => Err(format!("= {}: must be true or false", shown())),
        };
    }
    // The library checks defaults by panicking, so this is asked for first.
    let alone = Command::new("tenantry").no_binary_name(true).arg(setting.arg.clone());
    let as_flags = values.iter().map(|value| format!("--{}={value}", setting.key));
    let Err(error) = alone.try_get_matches_from(as_flags) else { return Ok(()) };
    let why = match (error.kind(), error.source()) {
        (_, Some(source)) => words_of(source),
        (ErrorKind::InvalidValue, None) => match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(known)) if !known.is_empty() => {
                format!("must be one of {}", known.join(", "))
            }
            _ => "must have a value".to_owned(),
        },
        _ => "cannot be taken".to_owned(),
    };
    Err(format!("= {}: {why}", shown()))
}

/// What would be right, where the library only says why a number cannot be read.
fn words_of(source: &(dyn Error + 'static)) -> String {
    match source.downcast_ref::<ParseIntError>().map(ParseIntError::kind) {
        None => source.to_string(),
        Some(IntErrorKind::PosOverflow) => "is too large".to_owned(),
        Some(_) => "must be a whole number".to_owned(),
    }
}

/// An error of the command line that is of a variable of the environment, in its words.
pub(super) fn of_environment(error: &clap::Error, command: &Command) -> Option<String> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else { return None };
    let option = option.split([' ', '=']).next()?.strip_prefix("--")?;
    let is_given = std::env::args()
        .any(|arg| arg.strip_prefix("--").is_some_and(|arg| arg.split('=').next() == Some(option)));
    let (variable, is_secret) = variable_of(command, option)?;
    let of_variable = std::env::var_os(&variable)?;
    let is_empty =
        matches!(error.get(ContextKind::InvalidValue), Some(ContextValue::String(value)) if value.is_empty());
    if of_variable.is_empty() && is_empty {
        return Some(format!("{variable} is empty: leave it out, or set it to a value for --{option}"));
    }
    if is_given {
        return None;
    }
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if !is_secret => format!(" {value:?}"),
        _ => String::new(),
    };
    let why = match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(source), _) => words_of(source),
        (None, Some(ContextValue::Strings(known))) if !known.is_empty() => {
            format!("must be one of {}", known.join(", "))
        }
        _ => "cannot be taken".to_owned(),
    };
    Some(format!("{variable}: the value{value} of the environment is not one for --{option}: {why}"))
}

/// The variable of an option of any command, and whether it is a secret.
fn variable_of(command: &Command, option: &str) -> Option<(String, bool)> {
    let own = command.get_arguments().find(|arg| arg.get_long() == Some(option) && arg.get_env().is_some());
    let variable =
        |arg: &Arg| Some((arg.get_env()?.to_string_lossy().into_owned(), arg.is_hide_env_values_set()));
    own.and_then(variable)
        .or_else(|| command.get_subcommands().find_map(|command| variable_of(command, option)))
}

/// The commands, with these values as their defaults: what the command line says, and then the environment, comes before
/// them.
pub(super) fn with_defaults(command: Command, given: &AllGiven) -> Command {
    let put = |arg: Arg| {
        let found = arg.get_env().and_then(|variable| given.get(&*variable.to_string_lossy()));
        let Some(Given { values, .. }) = found else { return arg };
        let secret = arg.is_hide_env_values_set();
        let arg = if secret { arg.hide_default_value(true) } else { arg };
        arg.required(false).default_values(values.clone())
    };
    command.mut_args(put).mut_subcommands(|command| with_defaults(command, given))
}
