// Configurations such as people have, in our own words, each with the host names to ask for.

/** A configuration, the files it includes, and the names to look up in it. */
export interface UsualFile {
  config: string
  files?: Record<string, string>
  hosts: readonly string[]
}

const block = (text: string) => text.replace(/^\n/, '').replaceAll(/^ {4}/gm, '')

/** By what each is for. */
export const usualFiles: Record<string, UsualFile> = {
  'a bastion in front of a network': {
    hosts: ['bastion', 'web1.corp.internal', 'bastion.corp.internal'],
    config: block(`
    # the way in
    Host bastion bastion.corp.internal
        HostName bastion.example.com
        User jump
        IdentityFile ~/.ssh/id_jump

    Host *.corp.internal !bastion.corp.internal
        ProxyJump bastion
        User deploy
        IdentityFile ~/.ssh/id_corp
    `),
  },
  'aliases completed by HostName': {
    hosts: ['am6-1', 'am6-22', 'am6-1.example.com'],
    config: block(`
    Host am6-? am6-??
      HostName %h.example.com
    Host am6-1
      Port 2201
    Match host *.example.com
      User ops
      HostKeyAlias am6
    `),
  },
  'defaults last, with multiplexing': {
    hosts: ['forge', 'anything.example.com'],
    config: block(`
    Host forge
    \tHostName git.example.com
    \tUser git
    \tPort 7999
    \tIdentitiesOnly yes
    \tIdentityFile ~/.ssh/forge_ed25519

    Host *
    \tUser me
    \tControlMaster auto
    \tControlPath ~/.ssh/masters/%n:%r@%h:%p
    \tControlPersist 10m
    \tServerAliveInterval 60
    \tServerAliveCountMax 3
    \tTCPKeepAlive no
    \tHashKnownHosts yes
    `),
  },
  'defaults first': {
    hosts: ['lab', 'other'],
    config: block(`
    HashKnownHosts no
    User first
    IdentityFile ~/.ssh/id_all

    Host lab
      User never
      HashKnownHosts yes
      IdentityFile ~/.ssh/id_lab
    `),
  },
  'throw-away machines': {
    hosts: ['10.99.0.7', '10.98.0.7', 'vagrant'],
    config: block(`
    Host vagrant 10.99.*
      UserKnownHostsFile=/dev/null
      StrictHostKeyChecking=no
      PasswordAuthentication=no
      LogLevel=FATAL
      IdentitiesOnly=yes
      IdentityFile="/opt/lab/keys/insecure key"
    Host vagrant
      HostName 127.0.0.1
      Port 2222
    `),
  },
  'a Mac, with what only its ssh knows': {
    hosts: ['box.example.com', 'git.example.com'],
    config: block(`
    IgnoreUnknown UseKeychain,AddKeysToKeychain
    Host *
      AddKeysToAgent yes
      UseKeychain yes
      AddKeysToKeychain yes
      IdentityFile ~/.ssh/id_ed25519
      IdentityAgent "~/Library/Group Containers/keys/agent.sock"
    Host git.example.com
      IdentityFile ~/.ssh/never_first
    `),
  },
  'a Mac without IgnoreUnknown': {
    hosts: ['box.example.com', 'git.example.com'],
    config: 'Host git.example.com\n  User git\nHost *\n  AddKeysToKeychain yes\n',
  },
  'a folder of files': {
    hosts: ['a.team.internal', 'b.home.internal', 'c.example.com'],
    config: block(`
    # vim: set ft=sshconfig :
    Include usual.d/*.conf
    Include ~/.ssh/usual-missing/*
    Host *
      User everywhere
    `),
    files: {
      '.ssh/usual.d/10-team.conf': 'Host *.team.internal\n  User team\n  ProxyJump gate.team.internal:2022\n',
      '.ssh/usual.d/20-home.conf': 'Host *.home.internal\n  Port 2222\nMatch all\n  HashKnownHosts yes\n',
      '.ssh/usual.d/notes.txt': 'Not read at all\n',
    },
  },
  'conditional includes': {
    hosts: ['x.work.internal', 'x.play.internal'],
    config: block(`
    Host *.work.internal
      Include usual-work
    Host *.play.internal
      Include usual-play
      Port 5
    `),
    files: {
      '.ssh/usual-work': 'User worker\nHost never\n  Port 6\nHost x.*\n  Port 7\n',
      '.ssh/usual-play': 'User player\n',
    },
  },
  'commands as proxies': {
    hosts: ['i-0123456789abcdef0', 'onion.example.com', 'old.example.com', 'tunnel.example.com'],
    config: block(`
    host i-* mi-*
        ProxyCommand sh -c "cloud session start --target %h --parameters 'portNumber=%p'"
    Host onion.example.com
        ProxyCommand nc -X 5 -x localhost:9050 %h %p
    Host old.example.com
        ProxyCommand ssh -q -W %h:%p -l hop bastion.example.com # with a comment
    Host tunnel.example.com
        ProxyCommand=/usr/local/bin/tunnel access --hostname %h
        ProxyUseFdpass no
    `),
  },
  'several hops': {
    hosts: ['deep', 'deeper.example.com', 'shallow'],
    config: block(`
    Host deep
        HostName 192.0.2.44
        ProxyJump one@a.example.com:2201,b.example.com
    Host deeper.example.com
        ProxyJump deep,ssh://two@c.example.com:2202,two@[2001:db8::5]:2203
    Host shallow
        ProxyJump none
        ProxyCommand nc %h %p
    Host *
        ProxyJump gate.example.com
    `),
  },
  'tokens in ProxyJump': {
    hosts: ['db.example.com', 'app.example.com'],
    config: block(`
    Host db.example.com
        User dba
        ProxyJump %r@gate.example.com
    Host app.example.com
        ProxyJump gate-%h:22
    `),
  },
  'old network equipment': {
    hosts: ['sw1.net.internal', 'pdu-3'],
    config: block(`
    Host sw*.net.internal pdu-*
      User admin
      KexAlgorithms +diffie-hellman-group1-sha1,diffie-hellman-group14-sha1
      HostKeyAlgorithms +ssh-rsa
      PubkeyAcceptedAlgorithms +ssh-rsa
      Ciphers +aes128-cbc
      MACs +hmac-sha1
      PubkeyAuthentication no
      PreferredAuthentications keyboard-interactive,password
    Host pdu-*
      HostName %h.net.internal
      KbdInteractiveAuthentication yes
      NumberOfPasswordPrompts 1
    `),
  },
  'lines of ten years ago': {
    hosts: ['ancient.example.com', 'recent.example.com'],
    config: block(`
    Protocol 2
    UsePrivilegedPort no
    RSAAuthentication yes
    RhostsRSAAuthentication no
    Cipher blowfish
    CompressionLevel 9
    Compression yes
    UseRoaming no
    ForwardX11 no
    DSAAuthentication no
    ChallengeResponseAuthentication yes
    PubkeyAcceptedKeyTypes +ssh-rsa
    Host ancient.*
    HostName=ancient.internal
    IdentityFile2 ~/.ssh/id_old
    `),
  },
  'forwardings and a session': {
    hosts: ['dev', 'web'],
    config: block(`
    Host dev
      HostName dev.example.com
      LocalForward 8080 localhost:8080 # the page
      LocalForward 127.0.0.1:5432 db.internal:5432
      RemoteForward /run/user/1000/agent.extra /run/user/1000/agent
      DynamicForward 1080
      ExitOnForwardFailure yes
      StreamLocalBindUnlink yes
      RequestTTY force
      RemoteCommand tmux new -A -s main
      SendEnv LANG LC_*
      SetEnv TERM=xterm-256color
      ForwardAgent yes
      EscapeChar none
      PermitLocalCommand yes
      LocalCommand printf '\\033]0;%n\\007'
    Host web dev
      Port 2022
      AddressFamily inet
      IPQoS lowdelay throughput
      RekeyLimit 1G 1h
    `),
  },
  'several identities of one person': {
    hosts: ['work.git.example.com', 'own.git.example.com', 'git.example.com'],
    config: block(`
    Host work.git.example.com own.git.example.com
      HostName git.example.com
      User git
      IdentitiesOnly yes
    Host work.git.example.com
      IdentityFile ~/.ssh/id_work
      CertificateFile ~/.ssh/id_work-cert.pub
    Host own.git.example.com
      IdentityFile ~/.ssh/id_own
      IdentityAgent none
    Host git.example.com
      IdentityFile ~/.ssh/%h-%%
    `),
  },
  'Match after HostName': {
    hosts: ['n1', 'n2.example.com', 'n3.example.com'],
    config: block(`
    Host n1
      HostName n1.prod.internal
    Match host *.prod.internal,*.stage.internal user root
      User never
      Port 2
    Match originalhost n* !host *.internal
      Port 3
      UserKnownHostsFile ~/.ssh/known_hosts ~/.ssh/known_hosts.n
    Match final host *.prod.internal
      ProxyJump prod-gate.example.com
    Match localuser nobody
      Port 4
    `),
  },
  'canonical names': {
    hosts: ['a.lan.internal', 'b.example.com'],
    config: block(`
    CanonicalizeHostname yes
    CanonicalDomains lan.internal
    CanonicalizeMaxDots 0
    CanonicalizeFallbackLocal yes
    Match canonical host *.lan.internal
      User canonical
    Host b.example.com
      HostName b2.lan.internal
    Match canonical all
      ConnectTimeout 5
      HashKnownHosts yes
    `),
  },
  'host keys of a site': {
    hosts: ['node4.site.internal', 'sos.site.internal', '2001:db8::7'],
    config: block(`
    Host *.site.internal 2001:db8::*
      GlobalKnownHostsFile /etc/ssh/site_known_hosts /etc/ssh/ssh_known_hosts
      UserKnownHostsFile ~/.ssh/site/%h "~/.ssh/site keys"
      CheckHostIP no
      VerifyHostKeyDNS ask
      UpdateHostKeys yes
      StrictHostKeyChecking accept-new
      VisualHostKey yes
      FingerprintHash md5
    Host sos.*
      HostKeyAlias %h-SOS
      RevokedHostKeys ~/.ssh/revoked
      NoHostAuthenticationForLocalhost yes
    `),
  },
  'written on Windows': {
    hosts: ['server', 'target.example.com'],
    config: block(`
    Host server
        HostName server.example.com
        User admin
        IdentityFile "~/.ssh/server key.pem"

    Host target.*
        ProxyJump admin@server
        Port = 2200
    `).replaceAll('\n', '\r\n'),
  },
}
