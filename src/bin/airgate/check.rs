//! `airgate check`: everything that is wrong with a configuration, at once.

use std::path::PathBuf;
use std::process::ExitCode;

use airgate::config::Settings;
use serde_json::{Value, json};

use crate::console::{self, Failure, count};
use crate::document::{self, Found};
use crate::schema::{self, Hints, Step};
use crate::secrets::{self, Secrets};
use crate::warnings;

/// Check a configuration: every mistake with its path, and what is doubtful.
#[derive(clap::Args)]
#[command(after_help = "\
Takes the plugin's configuration in JSON or YAML, or finds it inside a file of Envoy (bootstrap, listener, EnvoyFilter),
Istio (WasmPlugin, TrafficExtension) or Envoy Gateway (EnvoyExtensionPolicy), also several in one file.

Secrets ({env: NAME}) come from --env-file, or else from the environment of this command. A variable that is in neither
is a warning, and something of the right shape stands in for it.

Exit codes: 0 no mistake, 1 mistakes, 2 the file cannot be read or holds no configuration.

Examples:
  airgate check envoy.yaml
  airgate check --env-file gateway.env --strict-env --json wasmplugin.yaml
  kubectl get wasmplugin airgate -o yaml | airgate check -")]
pub struct Args {
    /// The file; - is the standard input
    config: PathBuf,
    /// Take secrets from this file of NAME=value lines, and not from the environment
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// A variable that is absent is a mistake
    #[arg(long)]
    strict_env: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// What was found about one configuration.
struct Report {
    place: String,
    mistakes: Vec<Finding>,
    warnings: Vec<Finding>,
}

/// One thing that is wrong or doubtful.
pub struct Finding {
    /// Where, for example `providers[0].issuer`; empty for the whole.
    pub path: String,
    /// What.
    pub text: String,
    /// What belongs there, or what to do.
    pub hint: Option<String>,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let hints = Hints::new();
    let reports: Vec<Report> =
        document::find(&args.config)?.into_iter().map(|found| report(found, args, &hints)).collect::<Result<_, _>>()?;
    let text = match args.json {
        true => format!("{:#}\n", Value::Array(reports.iter().map(Report::json).collect())),
        false => reports.iter().map(|report| report.text(&args.config.display().to_string())).collect(),
    };
    console::print(&text)?;
    let good = reports.iter().all(|report| report.mistakes.is_empty());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(found: Found, args: &Args, hints: &Hints) -> Result<Report, Failure> {
    let Found { place, config, sees, holds } = found;
    let config = match config {
        Ok(config) => config,
        Err(text) => {
            let mistake = Finding { path: String::new(), text, hint: None };
            return Ok(Report { place, mistakes: vec![mistake], warnings: Vec::new() });
        }
    };
    let secrets = Secrets::open(&config, sees.as_ref(), args.env_file.as_deref())?;
    let read = Settings::read(&config, &|name| secrets.get(name));
    let unmatched = read.as_ref().map(|settings| warnings::ids(settings.unmatched())).unwrap_or_default();
    let mut mistakes: Vec<Finding> = read
        .err()
        .unwrap_or_default()
        .iter()
        .map(|mistake| {
            let (path, whole) = (mistake.path(), mistake.to_string());
            let text = whole.strip_prefix(path).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&whole).to_owned();
            let hint = if is_boolean(&config, path) { Some(QUOTE.to_owned()) } else { hints.about(path) };
            Finding { path: path.to_owned(), text, hint }
        })
        .collect();
    let mut warnings = warnings::about(&config, now_seconds());
    warnings.extend(unmatched);
    warnings.extend(holds.and_then(|holds| warnings::bodies(&config, holds)));
    for reference in secrets::references(&config) {
        let name = reference.name.as_str();
        let path = format!("{}.env", reference.path);
        if let Some(sees) = sees.as_ref().filter(|sees| !sees.shows(name)) {
            let text = format!("the plugin's machine is not given the variable {name}");
            mistakes.push(Finding { path: path.clone(), text, hint: Some(format!("add it to {}", sees.field)) });
        }
        if secrets.is_absent(name) {
            let source = args.env_file.as_ref().map_or("the environment".to_owned(), |file| file.display().to_string());
            let text = format!("{name} is not in {source}, so what it holds was not checked");
            let hint = Some("give it with --env-file; --strict-env makes this a mistake".to_owned());
            let finding = Finding { path, text, hint };
            if args.strict_env { mistakes.push(finding) } else { warnings.push(finding) }
        }
    }
    Ok(Report { place, mistakes, warnings })
}

/// Envoy's and Kubernetes' readers of YAML take more words for truth values than
/// people do.
const QUOTE: &str =
    "a text is expected here; YAML reads yes, no, on, off, true and false otherwise, so put it in quotes";

fn is_boolean(config: &Value, path: &str) -> bool {
    let inner = |value: &'_ Value, step: &Step<'_>| match step {
        Step::Member(name) => value.get(name).cloned(),
        Step::Item(index) => value.get(index).cloned(),
    };
    let mut steps = schema::steps(path).into_iter();
    steps.try_fold(config.clone(), |value, step| inner(&value, &step)).is_some_and(|value| value.is_boolean())
}

/// Seconds since the epoch.
pub fn now_seconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map(|since| since.as_secs()).unwrap_or_default()
}

impl Report {
    fn text(&self, file: &str) -> String {
        let mut text = String::new();
        for (word, findings) in [("mistake", &self.mistakes), ("warning", &self.warnings)] {
            for Finding { path, text: what, hint } in findings {
                let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
                text.push_str(&format!("{word}: {path}{what}\n"));
                text.extend(hint.iter().map(|hint| format!("    hint: {hint}\n")));
            }
        }
        let found = match (self.mistakes.len(), self.warnings.len()) {
            (0, 0) => "good".to_owned(),
            (0, warnings) => format!("good, {}", count(warnings, "warning")),
            (mistakes, 0) => count(mistakes, "mistake"),
            (mistakes, warnings) => format!("{}, {}", count(mistakes, "mistake"), count(warnings, "warning")),
        };
        let place = if self.place.is_empty() { String::new() } else { format!(", {}", self.place) };
        text.push_str(&format!("{file}{place}: {found}\n"));
        text
    }

    fn json(&self) -> Value {
        let list = |findings: &[Finding]| -> Value {
            let one = |one: &Finding| json!({"path": one.path, "text": one.text, "hint": one.hint});
            findings.iter().map(one).collect()
        };
        json!({"in": self.place, "mistakes": list(&self.mistakes), "warnings": list(&self.warnings)})
    }
}
