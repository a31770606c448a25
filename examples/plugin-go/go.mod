module getinfo-uptime

go 1.19
