cd /var/www/html
ls -la
sudo apt-get update
sudo apt-get upgrade
sudo systemctl restart apache2
tail -f /var/log/apache2/access.log
df -h
