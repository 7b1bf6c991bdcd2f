/** Says where things are. Static: it shows nothing of the gateway's state. */
export const frontPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>MCP Gateway</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:4rem auto;padding:0 1rem}</style>
<h1>MCP Gateway</h1>
<p>This port serves the management API.</p>
<ul>
<li><a href="/api/openapi.json">/api/openapi.json</a>: every route, as OpenAPI 3.1</li>
<li>/api/v1/status: how services and servers are</li>
<li>/healthz, /readyz: for probes</li>
</ul>
<p>Every request needs <code>Authorization: Bearer &lt;operator token&gt;</code>. On the command line: <code>mcpgw --help</code>.</p>
</html>
`;
