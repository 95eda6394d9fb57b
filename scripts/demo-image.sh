#!/bin/sh
# Creates demo-kernel, demo-initrd.img and demo-cmdline, named as linuxkit build names its output, in the given folder:
# the distribution's smallest kernel with a virtio network driver, busybox, and demo-init.sh as the first process.
# Needs apt-get and dpkg-deb on amd64, but neither root nor an installation: packages are only downloaded and unpacked.
set -eu

scripts=$(CDPATH='' cd "$(dirname "$0")" && pwd)
folder=$1
work=$folder/cache/work
trap 'rm -rf "$work"' EXIT
rm -rf "$work"
mkdir -p "$work/system" "$work/root"

# These packages are empty and depend on the current kernel, and on Ubuntu also on its modules.
kernels=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null || apt-cache depends linux-image-virtual)
for package in $(echo "$kernels" | awk '/Depends: linux-(image|modules)-/ {print $2}') busybox-static; do
  if [ ! -e "$(echo "$folder/cache/$package"_*.deb)" ]; then
    # Not directly into the cache, where an interrupted download must not remain.
    (cd "$work" && apt-get -qq -o Acquire::Retries=3 -o APT::Sandbox::User= download "$package" && mv ./*.deb "$folder/cache")
  fi
  dpkg-deb -x "$folder/cache/$package"_*.deb "$work/system"
done
busybox=$(find "$work/system" -type f -path '*/bin/busybox')
kernel=$(find "$work/system/boot" -name 'vmlinuz-*')

cd "$work/root"
mkdir -p bin dev etc modules proc root sys tmp
cp "$busybox" bin/busybox
"$busybox" --list | while read -r applet; do [ -e "bin/$applet" ] || ln -s busybox "bin/$applet"; done

# In the order of their dependencies; a module built into the kernel has no file.
: >modules/order
for module in failover net_failover virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_net; do
  file=$(find "$work/system" -name "$module.ko")
  if [ -n "$file" ]; then
    cp "$file" modules/
    echo "$module.ko" >>modules/order
  fi
done

cp "$scripts/demo-init.sh" init
cat >etc/lease <<'END'
#!/bin/sh
# udhcpc calls this script with the DHCP server's answer.
[ "$1" = bound ] || exit 0
ifconfig "$interface" "$ip" netmask "$subnet"
[ -z "${router:-}" ] || route add default gw "${router%% *}"
[ -z "${hostname:-}" ] || hostname "$hostname"
for server in ${dns:-}; do echo "nameserver $server"; done >/etc/resolv.conf
# A lab's metadata service is at the address of its boot script, which DHCP names.
case ${boot_file:-} in http://*/auto.ipxe) echo "${boot_file%/*}" >/etc/metadata ;; esac
END
cat >etc/shell <<'END'
# There is no init to notify: power off immediately.
alias poweroff='poweroff -f' reboot='reboot -f' halt='halt -f'
PS1='$(hostname):$(pwd)# '
END
chmod 755 init etc/lease
find . | "$busybox" cpio -o -H newc -R 0:0 2>/dev/null | gzip -9n >"$work/initrd.img"

# The kernel comes last: its presence means that the image is complete.
echo 'mitigations=off' >"$folder/demo-cmdline"
mv "$work/initrd.img" "$folder/demo-initrd.img"
mv "$kernel" "$folder/demo-kernel"
