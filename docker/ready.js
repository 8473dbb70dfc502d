// The image's health check. It requests /readyz from the process of this container, at the port of RANGEKEEPER_LISTEN.

const port = process.env.RANGEKEEPER_LISTEN?.split(':').at(-1) ?? '7400';

try {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
  process.stdout.write(await answer.text());
  process.exitCode = answer.ok ? 0 : 1;
} catch (error) {
  process.stdout.write(`no answer at port ${port}: ${error.cause?.message ?? error.message}\n`);
  process.exitCode = 1;
}
