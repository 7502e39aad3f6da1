# Runs with the tree's overlay as root directory: what the server machine and the shared root have in common.
# $1: directory with the files of tests/lab/guest

install -D -m 0755 "$1/channel" /usr/local/lib/osr-lab/channel
install -m 0644 "$1/osr-lab-channel.service" /etc/systemd/system/osr-lab-channel.service
mkdir -p /etc/systemd/system/default.target.wants
ln -s ../osr-lab-channel.service /etc/systemd/system/default.target.wants/osr-lab-channel.service

passwd -q -d root
rm -f /etc/hostname /etc/resolv.conf
: >/etc/fstab
: >/etc/resolv.conf
ln -sf ../proc/self/mounts /etc/mtab
# empty, not "uninitialized": the latter makes every boot a first boot. source: man 5 machine-id
: >/etc/machine-id
# what only costs time in a machine that lives for a minute
systemctl -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer systemd-pstore.service getty@tty1.service
