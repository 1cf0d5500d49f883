//! A few harmless requests to the gateway and to providers.

use super::checks::{Clocks, Probes, Stay};
use super::facts::{Plugin, Provider};
use super::fetch::Client;

/// A read of Airbyte's that nobody may do without credentials.
pub const STRANGER: &str = "/api/public/v1/workspaces";
/// A read that the web app does at load: any role may.
const KNOWN: &str = "/api/v1/instance_configuration";
/// How often the cookie is brought back. Each time a new connection, which may come to another worker or gateway.
const VISITS: usize = 4;

/// Asks the gateway. `token` is a bearer token of anybody with a role.
pub fn gateway(client: &Client, gateway: &str, token: Option<&str>, plugin: Option<&Plugin<'_>>) -> Probes {
    let health = client.get(&format!("{gateway}/.airgate/health"), &[]).map(|answer| answer.status);
    let reached = health == Ok(200);
    // With the header that only airgate may write: where it is not removed, and airgate missing, that opens routes.
    let url = format!("{gateway}{STRANGER}");
    let stranger = reached.then(|| client.get(&url, &[("x-airgate-route", "public-api")]));
    let stay = match token {
        None => Stay::Unasked("give --token, the file of a bearer token of anybody with a role".to_owned()),
        Some(token) if reached => stay(client, gateway, token, plugin),
        Some(_) => Stay::Unasked("the gateway is not well".to_owned()),
    };
    Probes {
        gateway: gateway.to_owned(),
        health,
        stranger: stranger.and_then(Result::ok).map(|answer| answer.status),
        stay,
    }
}

fn stay(client: &Client, gateway: &str, token: &str, plugin: Option<&Plugin<'_>>) -> Stay {
    let setting = |pointer| plugin.and_then(|plugin| plugin.setting(pointer));
    if setting("/affinity/mode") == Some("off") {
        return Stay::Unasked("affinity is off".to_owned());
    }
    if matches!(setting("/affinity/bearer"), Some("subject" | "client")) {
        return Stay::Unasked("callers with a bearer token are kept by who they are (affinity.bearer)".to_owned());
    }
    let name = setting("/affinity/cookie/name").unwrap_or("__Host-airgate-affinity");
    let bearer = format!("Bearer {token}");
    let header = if setting("/upstream/mode") == Some("pass") { "proxy-authorization" } else { "authorization" };
    let visit = |cookie: Option<&str>| {
        let mut headers = vec![(header, bearer.as_str())];
        headers.extend(cookie.map(|cookie| ("cookie", cookie)));
        client.get(&format!("{gateway}{KNOWN}"), &headers).map(|answer| {
            let ours = |line: &&str| line.split_once('=').is_some_and(|(key, _)| key == name);
            let line = answer.headers("set-cookie").into_iter().find(ours);
            (answer.status, line.and_then(|line| line.split(';').next()).map(str::to_owned))
        })
    };
    let cookie = match visit(None) {
        Err(error) => return Stay::Unasked(error),
        Ok((401 | 403, _)) => return Stay::Unasked("the gateway refuses that token".to_owned()),
        Ok((status @ 500.., _)) => return Stay::Unasked(format!("GET {KNOWN} was answered {status}")),
        Ok((_, None)) => return Stay::NoCookie,
        Ok((_, Some(cookie))) => cookie,
    };
    let again: Vec<_> = (0..VISITS).filter_map(|_| visit(Some(&cookie)).ok()).collect();
    Stay::Cookie { anew: again.iter().filter(|(_, anew)| anew.is_some()).count(), of: again.len() }
}

/// Compares a provider's clock with the gateway's, which is so far ahead of ours.
pub fn clocks(client: &Client, provider: &Provider, gateway: Option<f64>) -> Result<Clocks, String> {
    let gateway = gateway.ok_or("the admin interface sends no Date")?;
    let url = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
    let provider = client.get(&url, &[])?.ahead.ok_or_else(|| format!("{url}: the answer has no Date"))?;
    Ok(Clocks { gateway, provider })
}
