// An OpenID provider (npm oidc-provider) on the loopback, for tests. Says its issuer in one line of JSON once it
// listens, and ends with its standard input.
//   node provider.mjs CLIENT SECRET REDIRECT_URI
// Everybody's password is their name backwards. Below /control is what no real provider has:
//   POST /control/rotate           signs with a new key from now on, and forgets the one before
//   POST /control/mint {claims, header}   a JWT of these claims, signed with the key of the moment
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { SignJWT, exportJWK, generateKeyPair, importJWK } from 'jose';
import { Provider } from 'oidc-provider';

const [clientId, clientSecret, redirectUri] = process.argv.slice(2);
const PEOPLE = {
  mary: { name: 'Mary Major', email: 'mary@people.test' },
  john: { name: 'John Minor', email: 'john@people.test' },
};
const AUDIENCE = 'https://archive.test';
const PIPELINE = 'pipeline';

const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;
const cookieKeys = [randomUUID()];
let key, provider, answer;

async function rotate() {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  key = { ...(await exportJWK(privateKey)), kid: randomUUID(), alg: 'RS256', use: 'sig' };
  provider = new Provider(issuer, configuration());
  answer = provider.callback();
}

function configuration() {
  const resource = { scope: 'read', audience: AUDIENCE, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
  return {
    jwks: { keys: [key] },
    cookies: { keys: cookieKeys },
    clients: [
      { client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri], application_type: 'native' },
      { client_id: PIPELINE, client_secret: 'pipeline-secret', redirect_uris: [], response_types: [],
        grant_types: ['client_credentials'] },
    ],
    pkce: { required: () => true },
    claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
    conformIdTokenClaims: false,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: { enabled: true, defaultResource: () => AUDIENCE, getResourceServerInfo: () => resource },
    },
    ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600, ClientCredentials: 600 },
    findAccount: (_, id) => PEOPLE[id] && { accountId: id, claims: () => ({ sub: id, ...PEOPLE[id] }) },
    interactions: { url: (_, interaction) => `/login/${interaction.uid}` },
  };
}

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const page = said => `<!doctype html><title>Provider</title><h1>The provider</h1><p>${said}</p>
<form method="post"><input name="login"><input name="password" type="password"><button>Continue</button></form>`;

async function login(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  const finish = result => provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
  if (prompt.name === 'consent') {
    const grant = new provider.Grant({ clientId: params.client_id, accountId: session.accountId });
    grant.addOIDCScope(params.scope);
    grant.addResourceScope(AUDIENCE, 'read');
    return finish({ consent: { grantId: await grant.save() } });
  }
  const form = new URLSearchParams(request.method === 'POST' ? await body(request) : '');
  const name = form.get('login');
  if (PEOPLE[name] && form.get('password') === [...name].reverse().join('')) return finish({ login: { accountId: name } });
  response.writeHead(request.method === 'POST' ? 401 : 200, { 'content-type': 'text/html' });
  return response.end(page(name ? 'That is not right.' : ''));
}

async function control(request, response) {
  if (request.url === '/control/rotate') {
    await rotate();
    return response.end();
  }
  const { claims, header } = JSON.parse(await body(request));
  const signing = new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: key.kid, ...header });
  return response.end(await signing.sign(await importJWK(key, 'RS256')));
}

server.on('request', async (request, response) => {
  try {
    if (request.url.startsWith('/control/')) return await control(request, response);
    if (request.url.startsWith('/login/')) return await login(request, response);
    return answer(request, response);
  } catch (error) {
    response.writeHead(400);
    return response.end(String(error));
  }
});
await rotate();
console.log(JSON.stringify({ issuer }));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
