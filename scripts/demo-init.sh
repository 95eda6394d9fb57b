#!/bin/sh
# The demo machine's first process, run by busybox: brings up the network, prints the machine's name, and runs a shell on the console.
export PATH=/bin HOME=/root TERM=vt100 ENV=/etc/shell

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts && mount -t devpts pts /dev/pts

# The serial console of a Metal machine is named on the kernel's command line; the last one counts.
console=$(sed -n 's/.*console=\([^ ,]*\).*/\1/p' /proc/cmdline)
console=/dev/${console:-console}
exec <"$console" >"$console" 2>&1

while read -r module; do insmod "/modules/$module"; done </modules/order
ifconfig lo up
ifconfig eth0 up
udhcpc -i eth0 -n -q -t 5 -T 2 -s /etc/lease >/dev/null 2>&1 || echo 'no answer to DHCP: this machine has no network'

# The machine's name, the SSH keys, and the URL for status reports. Without a metadata service DHCP's values stay.
get() { timeout 5 wget -q -O - "$(cat /etc/metadata)/$1"; }
if [ -e /etc/metadata ]; then
  name=$(get 2009-04-04/meta-data/hostname)
  [ -z "$name" ] || hostname "$name"
  mkdir -p -m 700 /root/.ssh
  get 2009-04-04/meta-data/public-keys >/root/.ssh/authorized_keys
  state_url=$(get metadata | sed -n 's/.*"user_state_url":"\([^"]*\)".*/\1/p')
fi

echo
echo "  host name  $(hostname)"
echo "  address    $(ip -4 -o addr show eth0 | awk '{print $4}')"
echo "  kernel     $(uname -sr)"
echo "  memory     $(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo) MiB"
if [ -e /etc/metadata ]; then echo "  keys       $(grep -c . /root/.ssh/authorized_keys), from the metadata service"; fi
echo "  up for     $(cut -d' ' -f1 /proc/uptime) s"
echo
echo 'demo machine is up'
echo 'poweroff ends it'
if [ -n "${state_url:-}" ]; then
  timeout 5 wget -q -O /dev/null --header 'Content-Type: application/json' \
    --post-data '{"state":"succeeded","code":1000,"message":"demo machine is up"}' "$state_url"
fi

# In a session of its own, the shell has the console as controlling terminal: Ctrl-C and job control work. If a shell ends, another starts.
while :; do
  setsid sh -c "exec sh <$console >$console 2>&1"
done
