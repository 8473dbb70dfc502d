// Finds a ZooKeeper server and a Java to run it on this machine: those that the environment names, else those of the packages of
// Debian and Homebrew. If one is missing, the error says in one line what to install. Nothing is installed here.

import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The program of a server: `java -cp classPath org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg`. */
export interface ServerProgram {
  readonly java: string;
  readonly classPath: string;
  /** Where the server was found, for people. */
  readonly source: string;
}

/** Java or ZooKeeper is missing. The message is one line that says what to do. */
export class MissingServerError extends Error {
  override readonly name = 'MissingServerError';
  readonly what: 'java' | 'zookeeper';

  constructor(what: 'java' | 'zookeeper', message: string) {
    super(message);
    this.what = what;
  }
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Where packages install ZooKeeper and Java. */
export interface PackagePlaces {
  readonly debianJars: string;
  readonly homebrewPrefixes: readonly string[];
}

const PLACES: PackagePlaces = {
  debianJars: '/usr/share/java',
  homebrewPrefixes: ['/opt/homebrew', '/usr/local', '/home/linuxbrew/.linuxbrew'],
};

/** Throws {@link MissingServerError}. @param variables the environment, of which ZOOKEEPER_HOME, JAVA_HOME and PATH are used */
export function findServer(variables: Variables, places: PackagePlaces = PLACES): ServerProgram {
  const found = findClassPath(variables, places);
  return { ...found, java: findJava(variables, places) };
}

function findClassPath(variables: Variables, places: PackagePlaces): Omit<ServerProgram, 'java'> {
  const home = variables.ZOOKEEPER_HOME;
  if (home !== undefined && home !== '') {
    const found = distribution(home);
    if (found !== null) return found;
    throw new MissingServerError(
      'zookeeper',
      `ZOOKEEPER_HOME=${home} holds no ZooKeeper (no zookeeper*.jar)`,
    );
  }
  const jars = ['zookeeper.jar', 'slf4j-simple.jar'].map((name) => join(places.debianJars, name));
  if (jars.every((jar) => existsSync(jar))) {
    return { classPath: jars.join(delimiter), source: 'Debian package libzookeeper-java' };
  }
  for (const prefix of places.homebrewPrefixes) {
    const found = distribution(join(prefix, 'opt', 'zookeeper', 'libexec'));
    if (found !== null) return found;
  }
  throw new MissingServerError(
    'zookeeper',
    'no ZooKeeper found: install it (Debian: apt-get install libzookeeper-java default-jre-headless; macOS: brew install zookeeper), or set ZOOKEEPER_HOME',
  );
}

/** An unpacked release of Apache ZooKeeper. Its jars are in lib/; old releases have the main one beside lib/. */
function distribution(home: string): Omit<ServerProgram, 'java'> | null {
  const folders = [join(home, 'lib'), home].filter(hasServerJar);
  if (folders.length === 0) return null;
  const jars = [join(home, 'lib'), home].map((folder) => join(folder, '*'));
  return { classPath: [join(home, 'conf'), ...jars].join(delimiter), source: home };
}

function hasServerJar(folder: string): boolean {
  if (!existsSync(folder)) return false;
  return readdirSync(folder).some((name) => /^zookeeper(-[0-9].*)?\.jar$/.test(name));
}

function findJava(variables: Variables, places: PackagePlaces): string {
  const folders = [
    ...(variables.JAVA_HOME ? [join(variables.JAVA_HOME, 'bin')] : []),
    ...(variables.PATH ?? '').split(delimiter).filter((folder) => folder !== ''),
    ...places.homebrewPrefixes.map((prefix) => join(prefix, 'opt', 'openjdk', 'bin')),
  ];
  for (const folder of folders) {
    const java = join(folder, 'java');
    if (isExecutable(java)) return java;
  }
  throw new MissingServerError(
    'java',
    'no Java found, which ZooKeeper needs: install it (Debian: apt-get install default-jre-headless; macOS: brew install openjdk), or set JAVA_HOME',
  );
}

/** Whether this process may run the file. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
