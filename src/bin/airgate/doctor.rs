//! `airgate doctor`: what is wrong with a running gateway.

mod checks;
mod facts;
mod fetch;
mod finding;
mod node;
mod probe;
mod report;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use serde_json::Value;

use crate::console::{self, Failure};

use checks::{Probes, Stay};
use facts::{Facts, Pages, Provider};
use fetch::Client;
use finding::{Finding, Severity};
use report::Report;

/// Look at a running Envoy: are clients kept on their backend, are backends healthy, do timeouts fit, and what else is
/// wrong or unsafe?
///
/// Only reads: pages of the admin interface, and with --gateway and --token up to seven harmless GET requests.
///
/// Exit codes: 0 no errors (warnings there may be), 1 errors, 2 the admin interface does not answer.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  airgate doctor --admin http://127.0.0.1:9901
  airgate doctor --admin http://127.0.0.1:9901 --gateway https://airbyte.example.com --token token.txt
  airgate doctor --admin http://127.0.0.1:9901 --json | jq -r '.findings[] | .severity + \" \" + .what'

In Kubernetes the admin interface comes to you by: kubectl port-forward POD 9901")]
pub struct Args {
    /// Envoy's admin interface, for example http://127.0.0.1:9901
    #[arg(long, value_name = "URL")]
    admin: String,
    /// The gateway as clients call it; some harmless requests go there
    #[arg(long, value_name = "URL")]
    gateway: Option<String>,
    /// A file with a bearer token of anybody with a role, to see whether the affinity cookie is honoured
    #[arg(long, value_name = "FILE", requires = "gateway")]
    token: Option<PathBuf>,
    /// Authorities to trust for the gateway and providers, in PEM, instead of the public ones
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Whose clock to compare the gateway's with, instead of the configured providers'
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// The statistics that are asked for: a mesh has too many for all of them.
const STATS: &str = "/stats?format=json&filter=vm_reload%7Cairgate%5C.%7Cfail_verify";

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let client = Client::new(args.ca.as_deref())?;
    let token = args
        .token
        .as_ref()
        .map(|file| std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display())));
    let token = token.transpose()?;
    let (pages, ahead) = pages(&client, args.admin.trim_end_matches('/'))?;
    let facts = Facts::read(&pages, SystemTime::now());
    let mut findings = checks::all(&facts);
    let mut unknown = Vec::new();
    compare_clocks(args, &client, &facts, ahead, &mut findings, &mut unknown);
    ask_gateway(args, &client, &facts, token.as_deref().map(str::trim), &mut findings, &mut unknown);
    unknown.extend(unjudged_routes(&facts));
    write(&Report::new(findings, unknown), args.json)
}

/// The pages of the admin interface, and how far its clock is ahead of ours.
fn pages(client: &Client, admin: &str) -> Result<(Pages, Option<f64>), String> {
    let page = |path: &str| -> Result<Value, String> { Ok(client.json(&format!("{admin}{path}"))?.0) };
    let (config, answer) = client.json(&format!("{admin}/config_dump?include_eds"))?;
    let pages = Pages {
        config,
        clusters: page("/clusters?format=json")?,
        stats: page(STATS)?,
        server: page("/server_info")?,
        certificates: page("/certs")?,
    };
    Ok((pages, answer.ahead))
}

fn compare_clocks(
    args: &Args,
    client: &Client,
    facts: &Facts<'_>,
    ahead: Option<f64>,
    findings: &mut Vec<Finding>,
    unknown: &mut Vec<String>,
) {
    let named = args.issuer.as_ref().map(|issuer| vec![Provider::named(issuer)]);
    let mut providers = named.unwrap_or_else(|| facts.gateways().flat_map(|(_, plugin)| plugin.providers()).collect());
    providers.dedup_by(|one, other| one.issuer == other.issuer);
    for provider in &providers {
        match probe::clocks(client, provider, ahead) {
            Ok(clocks) => findings.extend(checks::clocks(&clocks, provider)),
            Err(error) => unknown.push(format!("the clock of {}: {error}", provider.issuer)),
        }
    }
}

fn ask_gateway(
    args: &Args,
    client: &Client,
    facts: &Facts<'_>,
    token: Option<&str>,
    findings: &mut Vec<Finding>,
    unknown: &mut Vec<String>,
) {
    let Some(gateway) = &args.gateway else {
        unknown.push("how the gateway answers: give --gateway".to_owned());
        return;
    };
    let plugin = facts.gateways().next().map(|(_, plugin)| plugin);
    let probes: Probes = probe::gateway(client, gateway.trim_end_matches('/'), token, plugin);
    findings.extend(checks::probes(&probes));
    if let Stay::Unasked(why) = &probes.stay {
        unknown.push(format!("whether the affinity cookie is honoured: {why}"));
    }
}

/// Routes whose matching we cannot judge, so that nobody takes silence for praise.
fn unjudged_routes(facts: &Facts<'_>) -> Option<String> {
    let routes = facts.gateways().flat_map(|(manager, _)| &manager.hosts).flat_map(|host| &host.routes);
    let unjudged = |route: &&facts::Route<'_>| {
        !route.clusters().is_empty() && facts::SAMPLES.iter().any(|sample| route.takes(sample).is_none())
    };
    let places: Vec<_> = routes.filter(unjudged).map(|route| route.node.path().to_owned()).collect();
    let what = "timeouts of routes that match by regular expressions, queries or the like: ";
    (!places.is_empty()).then(|| format!("{what}{}", places.join(", ")))
}

fn write(report: &Report, json: bool) -> Result<ExitCode, Failure> {
    console::print(&if json { format!("{:#}\n", report.json()) } else { words::words(report) })?;
    Ok(if report.count(Severity::Error) == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
