// Flags of the image, its URLs and its server.
import { boolean, value } from './flag.ts'
import { parseArch, parseBaseUrl, parseEndpoint, parseListen, parseText } from './values.ts'

export const imageFlags = {
  baseUrl: value(
    { name: 'base-url', placeholder: 'url', help: 'URL that machines fetch kernel, initrd and iPXE script from' },
    parseBaseUrl,
  ),
  serve: value(
    { name: 'serve', placeholder: 'address', help: 'serve the image from this computer, e.g. :8080' },
    parseListen,
  ),
  tunnel: value(
    {
      name: 'tunnel',
      placeholder: 'url',
      help: 'create a public URL for --serve and use it as --base-url: ssh://user@host[:port][?bind=[host:]port] or ngrok',
    },
    parseText,
  ),
  imgName: value(
    {
      name: 'img-name',
      placeholder: 'prefix',
      completes: 'image',
      env: ['METAL_NAME'],
      computed: '<name>',
      help: 'prefix of the image files; may include a folder',
    },
    parseText,
  ),
  arch: value(
    {
      name: 'arch',
      placeholder: 'arch',
      choices: ['x86_64', 'aarch64'],
      computed: 'detected',
      help: 'architecture of the image: x86_64 (amd64) or aarch64 (arm64)',
    },
    parseArch,
  ),
  decompress: boolean({
    name: 'decompress',
    computed: 'true for aarch64',
    help: 'decompress kernel and initrd',
  }),
  destination: value(
    {
      name: 'destination',
      placeholder: 'path',
      completes: 'folders',
      fallback: './out',
      help: 'folder or URL (file:, sftp: or s3:) to write to',
    },
    parseText,
  ),
  endpoint: value(
    {
      name: 'endpoint',
      placeholder: 'url',
      env: ['METAL_ENDPOINT', 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'],
      computed: "AWS's own",
      help: 'URL of the S3-compatible store of an s3: destination',
    },
    parseEndpoint,
  ),
  dryRun: boolean({ name: 'dry-run', fallback: 'false', help: 'list what would be written, and write nothing' }),
  directory: value(
    { name: 'directory', placeholder: 'path', completes: 'folders', fallback: '.', help: 'folder to serve' },
    parseText,
  ),
  port: value(
    {
      name: 'port',
      placeholder: 'address',
      fallback: ':8080',
      help: 'address to listen on: host:port, :port or port; port 0 chooses any free port',
    },
    parseListen,
  ),
  tlsCert: value(
    {
      name: 'tls-cert',
      placeholder: 'file',
      completes: 'files',
      help: 'serve https with this certificate and its chain (PEM)',
    },
    parseText,
  ),
  tlsKey: value(
    { name: 'tls-key', placeholder: 'file', completes: 'files', help: "the certificate's private key (PEM)" },
    parseText,
  ),
}
