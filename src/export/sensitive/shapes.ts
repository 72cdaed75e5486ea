/** What secrets look like, wherever in a text they stand. */

export interface SecretShape {
  /** What it is, as it is told to the user. */
  readonly name: string
  readonly pattern: RegExp
}

// Every repetition has a bound or a class that excludes what follows, so that no text makes them slow.
export const SECRET_SHAPES: readonly SecretShape[] = [
  { name: 'bcrypt hashes', pattern: /\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}/ },
  { name: 'Argon2 hashes', pattern: /\$argon2(?:id|i|d)\$(?:v=\d+\$)?m=\d+,t=\d+,p=\d+/ },
  {
    name: 'scrypt hashes',
    pattern: /\$scrypt\$|\$7\$[./A-Za-z0-9]{11,}|\bscrypt:\d+:\d+:\d+\$|\bscrypt\$\d+\$/,
  },
  {
    name: 'PBKDF2 hashes',
    pattern: /\$pbkdf2(?:-[a-z0-9]+)?\$|\bpbkdf2_sha\d+\$\d+\$|\bpbkdf2:sha\d+(?::\d+)?\$|\{PBKDF2/i,
  },
  {
    name: 'password hashes of crypt()',
    pattern:
      /\$(?:1|5|6|apr1|md5|y|gy|sha1)\$[./A-Za-z0-9=,$-]{2,40}\$[./A-Za-z0-9]{20,}|\$P\$[./A-Za-z0-9]{31}/,
  },
  {
    name: 'password hashes of LDAP',
    pattern: /\{(?:S?SHA|S?MD5|SSHA(?:256|384|512)|CRYPT)\}[./+A-Za-z0-9=$]{16,}/,
  },
  { name: 'JSON Web Tokens', pattern: /\beyJ[\w-]{6,}\.eyJ[\w-]{6,}\.[\w-]*/ },
  {
    name: 'private keys',
    pattern: /-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----|\bAGE-SECRET-KEY-1/,
  },
  { name: 'private keys', pattern: /\bPuTTY-User-Key-File-\d/ },
  { name: 'AWS keys', pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/ },
  { name: 'GitHub tokens', pattern: /\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{22,}/ },
  { name: 'GitLab tokens', pattern: /\bgl(?:pat|dt|rt|ptt|soat)-[\w-]{20,}/ },
  { name: 'Slack tokens', pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{10,}/ },
  { name: 'Slack tokens', pattern: /\bhooks\.slack\.com\/services\/T\w{6,}\/B\w{6,}\/\w{10,}/ },
  { name: 'Stripe keys', pattern: /\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/=]{16,}/ },
  { name: 'Google keys', pattern: /\bAIza[\w-]{35}|\bGOCSPX-[\w-]{20,}|\bya29\.[\w-]{20,}/ },
  { name: 'OpenAI or Anthropic keys', pattern: /\bsk-(?:proj-|svcacct-|admin-|ant-)?[\w-]{20,}/ },
  { name: 'npm tokens', pattern: /\bnpm_[A-Za-z0-9]{30,}/ },
  { name: 'PyPI tokens', pattern: /\bpypi-AgE[\w-]{30,}/ },
  { name: 'SendGrid keys', pattern: /\bSG\.[\w-]{16,}\.[\w-]{16,}/ },
  {
    name: 'Mailgun, Twilio or Shopify keys',
    pattern: /\bkey-[0-9a-f]{32}\b|\bSK[0-9a-f]{32}\b|\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}/,
  },
  {
    name: 'DigitalOcean, Hugging Face or Telegram tokens',
    pattern: /\bdo[opr]_v1_[0-9a-f]{64}|\bhf_[A-Za-z]{30,}|\b\d{8,10}:AA[\w-]{32,}/,
  },
  { name: 'Vault or Doppler tokens', pattern: /\bhv[sbr]\.[\w-]{20,}|\bdp\.(?:pt|st|ct|sa)\.[\w.-]{30,}/ },
  { name: 'one-time password secrets', pattern: /\botpauth:\/\/[ht]otp\// },
  {
    name: 'addresses with a password',
    pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/?#]{0,100}:[^\s@/?#]{1,200}@/i,
  },
]
