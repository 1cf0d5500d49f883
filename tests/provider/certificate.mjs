// For tests: a throwaway authority and a certificate of it for localhost, made by the openssl command,
// or the files that AIRGATE_TEST_CERT, AIRGATE_TEST_KEY and AIRGATE_TEST_CA name.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** {cert, key, ca} as file names, and `remove` to be called at the end. */
export function certificate() {
  const { AIRGATE_TEST_CERT: cert, AIRGATE_TEST_KEY: key, AIRGATE_TEST_CA: ca } = process.env;
  return cert && key && ca ? { cert, key, ca, remove() {} } : made();
}

function made() {
  const folder = mkdtempSync(join(tmpdir(), 'airgate-provider-'));
  const file = (name) => join(folder, name);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  writeFileSync(file('extensions'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  openssl('req', '-x509', ...fresh, '-days', '1', '-subj', '/CN=airgate tests', '-keyout', file('ca.key'), '-out', file('ca.pem'));
  openssl('req', ...fresh, '-subj', '/CN=localhost', '-keyout', file('key.pem'), '-out', file('request.pem'));
  openssl('x509', '-req', '-in', file('request.pem'), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial',
    '-days', '1', '-extfile', file('extensions'), '-out', file('cert.pem'));
  return {
    cert: file('cert.pem'),
    key: file('key.pem'),
    ca: file('ca.pem'),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
