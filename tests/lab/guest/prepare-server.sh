# Runs after prepare-common.sh: the machine that serves the shared root by NFS.

echo server >/etc/hostname
echo "127.0.0.1 localhost server" >/etc/hosts
printf '%s\n' "/dev/vda / ext4 rw 0 1" "/dev/vdb /srv/root ext4 rw 0 2" >/etc/fstab
mkdir -p /srv/root
# Clients get the export by this path in NFSv3 and v4. no_root_squash: the clients' root owns their root.
# fsid: the file handle stays the same whatever disk is behind it.
echo "/srv/root 10.77.0.0/24(rw,no_root_squash,no_subtree_check,async,fsid=77)" >/etc/exports
# source: man 5 nfs.conf. The default of 90 s grace would delay every first open.
printf '%s\n' "[nfsd]" "grace-time=2" "vers3=y" "vers4=y" "threads=8" >/etc/nfs.conf.d/lab.conf

cat >/usr/local/lib/osr-lab/bridge <<'END'
#!/bin/sh
# All links to the nodes are one network: whoever boots first need not be on a certain link.
set -e
ip link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
for link in /sys/class/net/eth*; do
    ip link set "${link##*/}" master br0 up
done
ip address add 10.77.0.1/24 dev br0
ip link set br0 up
END
chmod 0755 /usr/local/lib/osr-lab/bridge
cat >/etc/systemd/system/osr-lab-bridge.service <<'END'
[Unit]
Description=Bridge over the links to the nodes
Before=network.target nfs-server.service
After=systemd-udev-settle.service
Wants=systemd-udev-settle.service network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/osr-lab/bridge

[Install]
WantedBy=multi-user.target
END
systemctl -q enable osr-lab-bridge.service
systemctl -q mask NetworkManager.service NetworkManager-wait-online.service networking.service
