#!/bin/sh
# npm run demo: installs the requirements, creates a small bootable image, and boots it on a lab's machine.
set -eu

project=$(CDPATH='' cd "$(dirname "$0")/.." && pwd)
folder=$project/demo
mkdir -p "$folder/bin" "$folder/cache"

say() { echo "demo: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }

update_packages() {
  say 'reading the package lists (apt-get update)'
  apt-get -qq update
}

install_qemu() {
  have qemu-system-x86_64 && return
  if ! have apt-get || ! is_root; then
    say 'QEMU is not installed. On Debian and Ubuntu: apt-get install qemu-system-x86 ipxe-qemu (as root this demo does it);'
    say 'on Fedora: dnf install qemu-system-x86 ipxe-roms-qemu; on macOS: brew install qemu. Continuing with a simulated machine.'
    return
  fi
  update_packages
  say 'installing QEMU and its iPXE (apt-get install qemu-system-x86 ipxe-qemu)'
  DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y qemu-system-x86 ipxe-qemu >"$folder/apt.log" 2>&1 ||
    say "the installation failed, see $folder/apt.log. Continuing with a simulated machine."
}

# A file that has only the header of a bzImage. A simulated machine checks nothing else; a real one would not start it.
make_stand_in() {
  say "$1: writing a stand-in that only a simulated machine boots"
  {
    head -c 510 /dev/zero
    printf '\125\252\353\146HdrS\017\002'
    head -c 4096 /dev/zero
  } >"$folder/demo-kernel"
  echo 'a stand-in for an initrd' | gzip -9n >"$folder/demo-initrd.img"
  : >"$folder/demo-cmdline"
  : >"$folder/stand-in"
}

make_image() {
  if have apt-get && [ "$(dpkg --print-architecture)" = amd64 ]; then
    # If a script is newer than the image, the image is out of date.
    changed=$(find "$project/scripts" -name 'demo-i*.sh' -newer "$folder/demo-cmdline" 2>/dev/null || true)
    [ -e "$folder/demo-kernel" ] && [ ! -e "$folder/stand-in" ] && [ -z "$changed" ] && return
    say 'creating the image: a kernel and busybox, from apt-get download'
    if is_root && ! apt-cache show busybox-static >/dev/null 2>&1; then update_packages || true; fi
    if sh "$project/scripts/demo-image.sh" "$folder"; then
      rm -f "$folder/stand-in"
      return
    fi
    make_stand_in 'the kernel could not be downloaded (see above)'
  else
    make_stand_in 'the demo gets its kernel from Debian or Ubuntu on amd64 only'
  fi
}

build() {
  [ -e "$project/dist/metalkit.cjs" ] && [ -z "$(find "$project/src" -newer "$project/dist/metalkit.cjs")" ] && return
  say 'building metalkit (npm run build)'
  (cd "$project" && npm run --silent build >/dev/null)
}

install_qemu
make_image
build
printf '#!/bin/sh\nexec node "%s" "$@"\n' "$project/dist/metalkit.cjs" >"$folder/bin/metalkit"
chmod 755 "$folder/bin/metalkit"
PATH=$folder/bin:$PATH
cd "$folder"

[ -e stand-in ] && export METAL_LAB_MACHINES=simulated
# A free port, and a time limit: without KVM the machine is up within a minute.
place=127.0.0.1:$(node -e "const s=require('net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})")
set -- metalkit lab -- metalkit run equinixmetal -serve "$place" -base-url "http://$place" -timeout 10m
say 'the run gives up if the machine is not up within 10 minutes'
if [ -t 0 ] && [ -t 1 ]; then
  say "$* demo"
  say "you end up in the machine's shell; poweroff ends the run and gives the machine back"
  exec "$@" demo
fi
say "$* -wait-for '(demo|simulated) machine is up' demo"
exec "$@" -wait-for '(demo|simulated) machine is up' demo
