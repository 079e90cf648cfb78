# nginx.conf and readingroom.conf are written for a container. For Debian's own nginx, whose unit wants its process
# number in /run and starts it as root:  sed -f deploy/nginx-on-debian.sed -i /etc/nginx/*.conf
s#listen \(.*\)8080 #listen \180 #
s#listen \(.*\)8443 #listen \1443 #
s#/tmp/nginx/nginx\.pid#/run/nginx.pid#
s#/tmp/nginx/#/var/lib/nginx/#
s#access_log /dev/stdout#access_log /var/log/nginx/access.log#
s#/run/secrets/tls_#/etc/nginx/tls/#
