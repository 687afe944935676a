module highwater.example/highwater

go 1.24
