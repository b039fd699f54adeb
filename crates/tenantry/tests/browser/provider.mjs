// A certified provider of OpenID Connect (npm oidc-provider) as one issuer, or behind a tenant's id as Microsoft Entra has it.
// Arguments: the redirect URI, and the tenant's id if there is one. Prints its URL once it listens.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [redirectUri, tenant] = process.argv.slice(2);
const prefix = tenant ? `/${tenant}/v2.0` : '';

const server = createServer(async (request, response) => {
  const metadata = '/organizations/v2.0/.well-known/openid-configuration';
  if (tenant && request.url === metadata) {
    const found = await fetch(`${base}${prefix}/.well-known/openid-configuration`);
    const said = { ...(await found.json()), issuer: `${base}/{tenantid}/v2.0` };
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(said));
    return;
  }
  if (!request.url.startsWith(prefix)) {
    response.statusCode = 404;
    response.end();
    return;
  }
  request.originalUrl = request.url;
  request.url = request.url.slice(prefix.length) || '/';
  callback(request, response);
});

let base;
let callback;
server.listen(0, 'localhost', () => {
  base = `http://localhost:${server.address().port}`;
  const provider = new Provider(`${base}${prefix}`, {
    clients: [{
      client_id: 'tenantry',
      client_secret: 'a secret that the test has chosen',
      redirect_uris: [redirectUri],
      response_types: ['code'],
      grant_types: ['authorization_code'],
    }],
    // Whoever signs in is who they say: the login is the e-mail address.
    findAccount: (context, id) => ({
      accountId: id,
      claims: () => ({ sub: `subject of ${id}`, email: id, email_verified: true, tid: tenant, xms_edov: true }),
    }),
    claims: { openid: ['sub', 'tid', 'xms_edov'], email: ['email', 'email_verified'], profile: [] },
    // Entra has the claims in the ID token; others have the user's data at the user information endpoint alone.
    conformIdTokenClaims: !tenant,
    pkce: { required: () => true },
    cookies: { keys: ['a key that signs cookies of the test'] },
    features: { devInteractions: { enabled: true } },
  });
  callback = provider.callback();
  console.log(base);
});
